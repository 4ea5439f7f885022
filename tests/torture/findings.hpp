#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tinkerbell::torture {

/// What may be wrong after a kill.
enum class Wrong : std::uint8_t {
  lost,            ///< It was acknowledged, or was to happen, and it is not there.
  doubled,         ///< It happened twice.
  silent_unknown,  ///< A step with an unknown outcome, about which nobody was asked.
  false_unsure,    ///< Somebody was asked about an outcome that can be known.
  different,       ///< Another end than that of a run without kills; or none.
};

inline constexpr std::array<std::string_view, 5> kWrongNames = {"lost", "doubled", "silent unknown",
                                                                "false unsure", "different"};

struct Finding {
  Wrong wrong;
  std::string what;

  bool operator==(const Finding&) const = default;
};

/// All that a trial found to be wrong.
class Findings {
 public:
  void expect(bool holds, Wrong wrong, std::string otherwise) {
    if (!holds) add(wrong, std::move(otherwise));
  }

  /// The same thing counts once, however often it is seen.
  void add(Wrong wrong, std::string what) {
    Finding finding{wrong, std::move(what)};
    if (std::ranges::find(all_, finding) == all_.end()) all_.push_back(std::move(finding));
  }

  [[nodiscard]] const std::vector<Finding>& all() const { return all_; }

 private:
  std::vector<Finding> all_;
};

}  // namespace tinkerbell::torture
