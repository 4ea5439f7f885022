#include "tinkerbell/command/tool_schema.hpp"

#include <utility>

namespace tinkerbell {

ToolList::ToolList(std::vector<ToolSchema> tools) {
  if (tools.empty()) return;
  std::string canonical = canonical_bytes(tools);
  shared_ = std::make_shared<const Shared>(Shared{std::move(tools), std::move(canonical)});
}

const std::vector<ToolSchema>& ToolList::all() const {
  static const std::vector<ToolSchema> kNone;
  return shared_ == nullptr ? kNone : shared_->tools;
}

Json ToolList::to_json() const {
  return to_json_value(all());
}

Result<ToolList> ToolList::from_json(const Json& json) {
  Result<std::vector<ToolSchema>> tools = from_json_value<std::vector<ToolSchema>>(json);
  if (!tools) return tools.error();
  return ToolList(*std::move(tools));
}

void ToolList::write_canonical(CanonicalWriter& writer) const {
  shared_ == nullptr ? writer.begin_array(0) : writer.canonical(shared_->canonical);
}

void ToolList::read_canonical(CanonicalReader& reader) {
  std::vector<ToolSchema> tools;
  tinkerbell::read_canonical(reader, tools);
  *this = ToolList(std::move(tools));
}

bool ToolList::operator==(const ToolList& other) const {
  if (shared_ == other.shared_) return true;
  return shared_ != nullptr && other.shared_ != nullptr &&
         shared_->canonical == other.shared_->canonical;
}

}  // namespace tinkerbell
