#include "tinkerbell/shim/output_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace tinkerbell {

namespace {

constexpr std::string_view kOutputFile = "output";
constexpr std::uint64_t kHeaderBytes = 16;

std::uint64_t head_size(std::uint64_t bytes_max) {
  return bytes_max / 2;
}

std::uint64_t ring_size(std::uint64_t bytes_max) {
  return bytes_max - head_size(bytes_max);
}

void write_at(int fd, std::uint64_t offset, const void* bytes, std::size_t count) {
  // Lost text is accepted (append), and the file is read with that in mind.
  [[maybe_unused]] const ssize_t written = ::pwrite(fd, bytes, count, static_cast<off_t>(offset));
}

}  // namespace

Result<OutputWriter> OutputWriter::create(const std::filesystem::path& directory,
                                          std::uint64_t bytes_max) {
  const std::filesystem::path file = directory / kOutputFile;
  UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return os_error("open " + file.string(), errno);
  const std::array<std::uint64_t, 2> header{0, bytes_max};
  if (::pwrite(fd.get(), header.data(), sizeof(header), 0) != sizeof(header)) {
    return os_error("write " + file.string(), errno);
  }
  return OutputWriter(std::move(fd), bytes_max);
}

void OutputWriter::append(std::string_view bytes) {
  const std::uint64_t head = head_size(bytes_max_);
  const std::uint64_t head_left = total_ < head ? head - total_ : 0;
  const std::string_view first = bytes.substr(0, std::min<std::uint64_t>(head_left, bytes.size()));
  append_to_head(first);
  append_to_ring(bytes.substr(first.size()));
  write_at(fd_.get(), 0, &total_, sizeof(total_));
}

Result<void> OutputWriter::sync() {
  if (::fdatasync(fd_.get()) != 0) return os_error("sync the output", errno);
  return {};
}

void OutputWriter::append_to_head(std::string_view bytes) {
  write_at(fd_.get(), kHeaderBytes + total_, bytes.data(), bytes.size());
  total_ += bytes.size();
}

void OutputWriter::append_to_ring(std::string_view bytes) {
  const std::uint64_t head = head_size(bytes_max_);
  const std::uint64_t ring = ring_size(bytes_max_);
  if (bytes.size() > ring) {  // only the latest of it can stay
    total_ += bytes.size() - ring;
    bytes.remove_prefix(bytes.size() - ring);
  }
  while (!bytes.empty()) {
    const std::uint64_t place = (total_ - head) % ring;
    const std::size_t count = std::min<std::uint64_t>(ring - place, bytes.size());
    write_at(fd_.get(), kHeaderBytes + head + place, bytes.data(), count);
    total_ += count;
    bytes.remove_prefix(count);
  }
}

Result<OutputReader> OutputReader::open(const std::filesystem::path& directory) {
  const std::filesystem::path file = directory / kOutputFile;
  UniqueFd fd(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return os_error("open " + file.string(), errno);
  std::array<std::uint64_t, 2> header{};
  if (::pread(fd.get(), header.data(), sizeof(header), 0) != sizeof(header)) {
    return Error{Errc::invalid, "read " + file.string() + ": no header"};
  }
  return OutputReader(std::move(fd), header[0], header[1]);
}

OutputPiece OutputReader::since(std::uint64_t from) const {
  return {total_, head_from(from) + ring_from(from)};
}

std::string OutputReader::text() const {
  const std::uint64_t left_out = ring_begin() - std::min(total_, head_size(bytes_max_));
  if (left_out == 0) return since(0).bytes;
  return head_from(0) + "\n… " + std::to_string(left_out) + " bytes left out …\n" + ring_from(0);
}

std::uint64_t OutputReader::ring_begin() const {
  const std::uint64_t ring = ring_size(bytes_max_);
  const std::uint64_t oldest = total_ < ring ? 0 : total_ - ring;
  return std::max(oldest, std::min(total_, head_size(bytes_max_)));
}

std::string OutputReader::head_from(std::uint64_t from) const {
  const std::uint64_t end = std::min(total_, head_size(bytes_max_));
  return from < end ? at(from, end - from) : std::string();
}

std::string OutputReader::ring_from(std::uint64_t from) const {
  const std::uint64_t begin = std::max(from, ring_begin());
  if (begin >= total_) return {};
  const std::uint64_t head = head_size(bytes_max_);
  const std::uint64_t ring = ring_size(bytes_max_);
  const std::uint64_t place = (begin - head) % ring;
  const std::uint64_t count = total_ - begin;
  const std::uint64_t before_wrap = std::min(count, ring - place);
  return at(head + place, before_wrap) + at(head, count - before_wrap);
}

std::string OutputReader::at(std::uint64_t offset, std::uint64_t count) const {
  std::string bytes(count, '\0');
  const ssize_t read =
      ::pread(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(kHeaderBytes + offset));
  bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(read, 0)));
  return bytes;
}

}  // namespace tinkerbell
