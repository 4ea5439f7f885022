#include "tinkerbell/command/conversation.hpp"

namespace tinkerbell {

void Conversation::add(Message message) {
  const Sha256 hash = sha256(canonical_bytes(message));
  entries_.push_back(std::make_shared<const Entry>(Entry{std::move(message), hash}));
}

Conversation Conversation::first(std::size_t count) const {
  Conversation beginning = *this;
  beginning.entries_.resize(count);
  return beginning;
}

Json Conversation::to_json() const {
  Json hashes = Json::array();
  for (const auto& entry : entries_)
    hashes.push_back(entry->hash.hex().substr(0, 16));
  return hashes;
}

void Conversation::write_canonical(CanonicalWriter& writer) const {
  writer.begin_array(entries_.size());
  for (const auto& entry : entries_)
    writer.text(entry->hash.hex());
}

void Conversation::read_canonical(CanonicalReader& reader) {
  (void)reader.skip();
  entries_.clear();
}

}  // namespace tinkerbell
