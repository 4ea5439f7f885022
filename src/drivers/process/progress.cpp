#include "drivers/process/progress.hpp"

#include "tinkerbell/shim/output_file.hpp"

#include <algorithm>

namespace tinkerbell {

namespace {

/// The length of the UTF-8 character that a byte begins (RFC 3629); 1 for whatever begins none.
std::size_t length_begun_by(unsigned char byte) {
  if (byte >= 0xF0) return 4;
  if (byte >= 0xE0) return 3;
  if (byte >= 0xC0) return 2;
  return 1;
}

bool continues_character(unsigned char byte) {
  return (byte & 0xC0) == 0x80;
}

}  // namespace

std::size_t incomplete_tail(std::string_view text) {
  for (std::size_t length = 1; length <= std::min<std::size_t>(3, text.size()); ++length) {
    const auto byte = static_cast<unsigned char>(text[text.size() - length]);
    if (continues_character(byte)) continue;
    return length_begun_by(byte) > length ? length : 0;
  }
  return 0;
}

std::vector<ProgressPiece> new_output(const std::vector<ProgressRequest>& requests) {
  std::vector<ProgressPiece> pieces;
  for (const ProgressRequest& request : requests) {
    const Result<OutputReader> reader = OutputReader::open(request.directory);
    if (!reader || reader->total() <= request.shown) continue;
    OutputPiece piece = reader->since(request.shown);
    const std::size_t held_back = request.ended ? 0 : incomplete_tail(piece.bytes);
    piece.bytes.resize(piece.bytes.size() - held_back);
    if (piece.bytes.empty()) continue;
    pieces.push_back({request.id, piece.end - held_back, std::move(piece.bytes)});
  }
  return pieces;
}

}  // namespace tinkerbell
