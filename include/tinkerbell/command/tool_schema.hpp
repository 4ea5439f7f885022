#pragma once

#include "tinkerbell/base/canonical.hpp"
#include "tinkerbell/base/fields.hpp"

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

namespace tinkerbell {

/// A tool as shown to a model: `parameters` is its JSON Schema.
struct ToolSchema {
  std::string name;
  std::string description;
  Json parameters = Json::object();

  static constexpr auto fields() {
    return described(field("name", &ToolSchema::name),
                     field("description", &ToolSchema::description),
                     field("parameters", &ToolSchema::parameters));
  }

  bool operator==(const ToolSchema&) const = default;
};

/// A list of tools that never changes and is cheap to copy: an agent shows the same with each
/// question, and many agents have the same. Its forms are those of a vector.
class ToolList {
 public:
  ToolList() = default;
  ToolList(
      std::vector<ToolSchema> tools);  // NOLINT(google-explicit-constructor): it is such a list

  ToolList(std::initializer_list<ToolSchema> tools) : ToolList(std::vector<ToolSchema>(tools)) {}

  [[nodiscard]] const std::vector<ToolSchema>& all() const;

  [[nodiscard]] auto begin() const { return all().begin(); }

  [[nodiscard]] auto end() const { return all().end(); }

  [[nodiscard]] bool empty() const { return shared_ == nullptr; }

  [[nodiscard]] Json to_json() const;
  [[nodiscard]] static Result<ToolList> from_json(const Json& json);
  void write_canonical(CanonicalWriter& writer) const;
  void read_canonical(CanonicalReader& reader);

  bool operator==(const ToolList& other) const;

 private:
  struct Shared {
    std::vector<ToolSchema> tools;
    std::string canonical;
  };

  std::shared_ptr<const Shared> shared_;  ///< Null: there is none.
};

}  // namespace tinkerbell
