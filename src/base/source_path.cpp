#include "tinkerbell/base/source_path.hpp"

namespace tinkerbell {

std::string short_function(std::string function) {
  constexpr std::string_view kAnonymous = "(anonymous namespace)::";
  constexpr std::string_view kOurs = "tinkerbell::";
  for (std::size_t at = 0; (at = function.find(kAnonymous)) != std::string::npos;)
    function.erase(at, kAnonymous.size());
  std::size_t begin = 0;
  int depth = 0;
  for (std::size_t i = 0; i < function.size(); ++i) {
    const char c = function[i];
    if (c == '(' && depth == 0) {
      function.resize(i);
    } else if (c == ' ' && depth == 0) {
      begin = i + 1;
    } else if (c == '<' || c == '>') {
      depth += c == '<' ? 1 : -1;
    }
  }
  function.erase(0, begin);
  if (function.starts_with(kOurs)) function.erase(0, kOurs.size());
  return function;
}

}  // namespace tinkerbell
