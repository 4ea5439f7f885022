#include "policy/glob.hpp"

#include <cstdint>
#include <utility>
#include <vector>

namespace tinkerbell {

namespace {

enum class Kind : std::uint8_t {
  byte,         ///< Exactly this byte.
  any_byte,     ///< ?
  any_bytes,    ///< *
  directories,  ///< **/
  anything,     ///< **
};

struct Token {
  Kind kind = Kind::byte;
  char byte = 0;
};

std::vector<Token> tokens_of(std::string_view glob) {
  std::vector<Token> tokens;
  for (std::size_t at = 0; at < glob.size();) {
    const bool starts_segment = at == 0 || glob[at - 1] == '/';
    const std::string_view rest = glob.substr(at);
    if (starts_segment && rest.starts_with("**/")) {
      tokens.push_back({Kind::directories});
      at += 3;
    } else if (rest.starts_with("**")) {
      tokens.push_back({Kind::anything});
      at += 2;
    } else {
      const Kind kind = rest[0] == '*'   ? Kind::any_bytes
                        : rest[0] == '?' ? Kind::any_byte
                                         : Kind::byte;
      tokens.push_back({kind, rest[0]});
      at += 1;
    }
  }
  return tokens;
}

/// Which tokens may come next, as a set: all ways to match go forward together.
class Positions {
 public:
  explicit Positions(std::size_t token_count) : live_(token_count + 1) {}

  /// Token `index` may come next, and what follows it too where it may match nothing.
  void add(const std::vector<Token>& tokens, std::size_t index) {
    while (!live_[index]) {
      live_[index] = true;
      if (index == tokens.size() || !may_be_empty(tokens[index].kind)) return;
      ++index;
    }
  }

  /// Token `index` goes on, and nothing may follow it yet.
  void stay(std::size_t index) { live_[index] = true; }

  void clear() { live_.assign(live_.size(), false); }

  [[nodiscard]] bool contains(std::size_t index) const { return live_[index]; }

 private:
  static bool may_be_empty(Kind kind) { return kind != Kind::byte && kind != Kind::any_byte; }

  std::vector<bool> live_;
};

void step(const std::vector<Token>& tokens, std::size_t index, char byte, Positions& next) {
  switch (tokens[index].kind) {
    case Kind::byte:
      if (byte == tokens[index].byte) next.add(tokens, index + 1);
      return;
    case Kind::any_byte:
      if (byte != '/') next.add(tokens, index + 1);
      return;
    case Kind::any_bytes:
      if (byte != '/') next.add(tokens, index);
      return;
    case Kind::anything:
      next.add(tokens, index);
      return;
    case Kind::directories:
      // Inside a directory's name only this token goes on; after its '/' the rest may begin.
      byte == '/' ? next.add(tokens, index) : next.stay(index);
      return;
  }
}

/// Whether the text begins and ends with the bytes that the glob begins and ends with: mostly that
/// is all one has to know.
bool has_ends_of(std::string_view glob, std::string_view text) {
  constexpr std::string_view kWild = "*?";
  const std::size_t first = glob.find_first_of(kWild);
  if (first == glob.npos) return glob == text;
  std::string_view last = glob.substr(glob.find_last_of(kWild) + 1);
  if (last.starts_with('/')) last.remove_prefix(1);  // of "**/" it is a part
  return text.starts_with(glob.substr(0, first)) && text.ends_with(last);
}

}  // namespace

bool glob_matches(std::string_view glob, std::string_view text) {
  if (!has_ends_of(glob, text)) return false;
  const std::vector<Token> tokens = tokens_of(glob);
  Positions now(tokens.size());
  now.add(tokens, 0);
  Positions next(tokens.size());
  for (const char byte : text) {
    next.clear();
    for (std::size_t index = 0; index < tokens.size(); ++index) {
      if (now.contains(index)) step(tokens, index, byte, next);
    }
    std::swap(now, next);
  }
  return now.contains(tokens.size());
}

}  // namespace tinkerbell
