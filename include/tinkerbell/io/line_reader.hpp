#pragma once

#include "tinkerbell/base/result.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace tinkerbell {

/// Cuts bytes that come in any pieces into lines. A line ends with LF, CRLF or CR, in whichever
/// piece the end lies; what has no end yet is no line. A byte order mark before the first is
/// dropped. One pass over the bytes.
class LineReader {
 public:
  /// Takes a line without its end. Its error ends the reading.
  using LineHandler = std::function<Result<void>(std::string_view line)>;

  explicit LineReader(std::size_t line_bytes_max) : line_bytes_max_(line_bytes_max) {}

  /// Takes the next bytes and calls `take` for each line that they complete. Errors: too_large;
  /// what `take` returns. The reader is of no use after that.
  [[nodiscard]] Result<void> feed(std::string_view bytes, const LineHandler& take);

 private:
  [[nodiscard]] Result<void> hold(std::string_view part);

  std::size_t line_bytes_max_;
  std::string line_;        ///< The beginning of a line whose end has not come yet.
  bool first_line_ = true;  ///< Only there a byte order mark is dropped.
  bool after_cr_ = false;   ///< A line feed now belongs to the line end before it.
};

}  // namespace tinkerbell
