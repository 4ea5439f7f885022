// Prints some columns of lines.

#include <cstdio>
#include <string_view>

namespace {

constexpr const char* kHelp =
    "usage: columns [OPTIONS] COLUMN...\n"
    "\n"
    "  -d CHAR   what separates columns (default: a blank)\n"
    "  -o CHAR   what separates them in the output (default: as -d)\n"
    "  -s        skip lines that have too few\n"
    "  --help    this text\n";

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "--help") {
    std::fputs(kHelp, stdout);
    return 0;
  }
  std::fputs(kHelp, stderr);
  return 64;
}
