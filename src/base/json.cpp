#include "tinkerbell/base/json.hpp"

#include <string>
#include <vector>

namespace tinkerbell {

namespace {

/// Builds the tree while counting, so that hostile text is refused before it costs anything.
class BoundedBuilder final : public nlohmann::json_sax<Json> {
 public:
  explicit BoundedBuilder(const JsonLimits& limits) : limits_(limits) {}

  bool null() override { return add(Json(nullptr)); }

  bool boolean(bool value) override { return add(Json(value)); }

  bool number_integer(number_integer_t value) override { return add(Json(value)); }

  bool number_unsigned(number_unsigned_t value) override { return add(Json(value)); }

  bool number_float(number_float_t value, const string_t& text) override {
    const bool integral = text.find_first_of(".eE") == std::string::npos;
    if (integral) return fail(Errc::invalid, "integer does not fit 64 bits");
    return add(Json(value));
  }

  bool string(string_t& value) override { return add(Json(std::move(value))); }

  bool binary(binary_t& /*value*/) override { return fail(Errc::invalid, "binary value"); }

  bool start_object(std::size_t /*size*/) override { return open(Json::object()); }

  bool end_object() override { return close(); }

  bool start_array(std::size_t /*size*/) override { return open(Json::array()); }

  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    Level& level = levels_.back();
    auto& members = level.value.get_ref<Json::object_t&>();
    const auto [member, is_new] = members.try_emplace(std::move(name));
    if (!is_new) return fail(Errc::invalid, "duplicate key \"" + member->first + "\"");
    level.member = &member->second;
    return true;
  }

  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) override {
    return fail(Errc::invalid, "not valid JSON at byte " + std::to_string(position));
  }

  [[nodiscard]] Json take() { return std::move(root_); }

  [[nodiscard]] const Error& error() const { return error_; }

 private:
  struct Level {
    Json value;
    Json* member = nullptr;  ///< Of an object: the one whose key was read last.
  };

  bool count() {
    return ++nodes_ <= limits_.nodes_max ||
           fail(Errc::too_large, "more than " + std::to_string(limits_.nodes_max) + " JSON values");
  }

  bool add(Json value) {
    if (!count()) return false;
    place(std::move(value));
    return true;
  }

  bool open(Json value) {
    if (!count()) return false;
    if (levels_.size() >= limits_.depth_max) {
      return fail(Errc::too_large,
                  "JSON nested deeper than " + std::to_string(limits_.depth_max) + " levels");
    }
    levels_.push_back({std::move(value)});
    return true;
  }

  bool close() {
    Json done = std::move(levels_.back().value);
    levels_.pop_back();
    place(std::move(done));
    return true;
  }

  void place(Json value) {
    if (levels_.empty()) {
      root_ = std::move(value);
      return;
    }
    Level& level = levels_.back();
    if (level.value.is_array()) {
      level.value.push_back(std::move(value));
    } else {
      *level.member = std::move(value);
    }
  }

  bool fail(Errc code, std::string message) {
    error_ = {code, std::move(message)};
    return false;
  }

  JsonLimits limits_;
  std::size_t nodes_ = 0;
  std::vector<Level> levels_;
  Json root_;
  Error error_{Errc::invalid, "not valid JSON"};
};

}  // namespace

Result<Json> parse_json(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.bytes_max) {
    return Error{Errc::too_large, "JSON text of " + std::to_string(text.size()) + " bytes (limit " +
                                      std::to_string(limits.bytes_max) + ")"};
  }
  BoundedBuilder builder(limits);
  if (!Json::sax_parse(text, &builder)) return builder.error();
  return builder.take();
}

std::string dump_json(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string pretty_json(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace tinkerbell
