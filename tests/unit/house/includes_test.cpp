#include "support/source_root.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

/// Holds the #include lines of src and include to the table of rooms in src/CMakeLists.txt, so that
/// data goes on flowing one way.

namespace tinkerbell {
namespace {

namespace fs = std::filesystem;

using Rooms = std::map<std::string, std::set<std::string>>;  // a room and what it may include

/// Where less than a whole room may be included (docs/architecture.md).
struct Allowance {
  std::string_view room;  ///< Also all rooms within it.
  std::string_view from;
  std::set<std::string_view> headers;
};

const std::vector<Allowance>& narrow_allowances() {
  static const std::vector<Allowance> kAllowances{
      {"drivers", "syscall", {"driver.hpp"}},
      {"tasks", "syscall", {"await.hpp", "registry.hpp"}},
      {"telemetry", "kernel", {"observer.hpp", "ticks.hpp", "trace_ring.hpp", "turn_watch.hpp"}},
      {"telemetry", "syscall", {"observer.hpp", "payloads.hpp"}},
      {"control", "kernel", {"frame_pool.hpp", "inspect.hpp", "trace_ring.hpp"}},
  };
  return kAllowances;
}

/// The `tinkerbell_room(NAME … USES room…)` lines of a CMake file.
Rooms rooms_of(const std::string& cmake) {
  static const std::regex kRoom(R"(tinkerbell_room\(\s*([\w/]+)([^)]*)\))");
  Rooms rooms;
  for (std::sregex_iterator match(cmake.begin(), cmake.end(), kRoom), end; match != end; ++match) {
    std::set<std::string>& uses = rooms[(*match)[1]];
    std::istringstream words((*match)[2]);
    bool listed = false;
    for (std::string word; words >> word;) {
      if (word == "USES" || word == "LINKS" || word == "PRIVATE") {
        listed = word == "USES";
      } else if (listed) {
        uses.insert(word);
      }
    }
  }
  return rooms;
}

/// The room of a file or header "drivers/llm/x.hpp"; empty if it is in none.
std::string room_of(std::string_view path, const Rooms& rooms) {
  std::string room;
  for (const auto& [name, uses] : rooms) {
    const bool within = path.starts_with(name) && path.substr(name.size()).starts_with('/');
    if (within && name.size() > room.size()) room = name;
  }
  return room;
}

std::vector<std::string> quoted_includes(const std::string& text) {
  static const std::regex kInclude(R"re(^\s*#\s*include\s*"([^"]+)")re", std::regex::multiline);
  std::vector<std::string> includes;
  for (std::sregex_iterator match(text.begin(), text.end(), kInclude), end; match != end; ++match) {
    includes.push_back((*match)[1]);
  }
  return includes;
}

bool narrowly_allowed(std::string_view room, std::string_view from, std::string_view header) {
  return std::ranges::all_of(narrow_allowances(), [&](const Allowance& allowance) {
    const bool concerned =
        room.substr(0, room.find('/')) == allowance.room && from == allowance.from;
    return !concerned || allowance.headers.contains(header);
  });
}

/// Why a file of `room` must not include `include`, or nothing.
std::optional<std::string> fault_of(const std::string& room, bool is_public,
                                    std::string_view include, const Rooms& rooms) {
  static constexpr std::string_view kPublic = "tinkerbell/";
  const bool of_public = include.starts_with(kPublic);
  const std::string_view path = of_public ? include.substr(kPublic.size()) : include;
  const std::string from = room_of(path, rooms);
  if (from.empty()) return "belongs to no room";
  if (!of_public && is_public) return "is private, and this header is public";
  if (from == room) return std::nullopt;
  if (!of_public) return "is private to " + from;
  if (!rooms.at(room).contains(from)) return room + " does not use " + from;
  if (!narrowly_allowed(room, from, path.substr(from.size() + 1))) {
    return room + " may use only some headers of " + from;
  }
  return std::nullopt;
}

// ---- this checkout ----

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Rooms rooms_of_the_build() {
  return rooms_of(content_of(source_root() / "src/CMakeLists.txt"));
}

std::vector<fs::path> sources_below(const fs::path& directory) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory)) {
    const fs::path extension = entry.path().extension();
    if (extension == ".hpp" || extension == ".cpp") files.push_back(entry.path());
  }
  return files;
}

std::vector<std::string> faults_below(const fs::path& directory, bool is_public,
                                      const Rooms& rooms) {
  std::vector<std::string> faults;
  for (const fs::path& file : sources_below(directory)) {
    const std::string path = file.lexically_relative(directory).string();
    const std::string room = room_of(path, rooms);
    if (room.empty()) {
      faults.push_back(path + " belongs to no room");
      continue;
    }
    for (const std::string& include : quoted_includes(content_of(file))) {
      if (const auto fault = fault_of(room, is_public, include, rooms)) {
        faults.push_back(path + ": \"" + include + "\" " + *fault);
      }
    }
  }
  return faults;
}

TEST(House, EveryFileIncludesOnlyWhatItsRoomUses) {
  const Rooms rooms = rooms_of_the_build();
  EXPECT_EQ(faults_below(source_root() / "src", false, rooms), std::vector<std::string>{});
  EXPECT_EQ(faults_below(source_root() / "include/tinkerbell", true, rooms),
            std::vector<std::string>{});
}

TEST(House, EveryHeaderIsReadOnce) {
  for (const char* directory : {"src", "include"}) {
    for (const fs::path& file : sources_below(source_root() / directory)) {
      if (file.extension() != ".hpp") continue;
      EXPECT_TRUE(content_of(file).starts_with("#pragma once\n")) << file;
    }
  }
}

TEST(House, NoRoomUsesItselfByWayOfOthers) {
  Rooms rooms = rooms_of_the_build();
  ASSERT_GE(rooms.size(), 20U);
  std::set<std::string> grounded;  // rooms that stand on grounded rooms only
  for (bool found = true; found;) {
    found = false;
    for (const auto& [room, uses] : rooms) {
      found |= std::ranges::includes(grounded, uses) && grounded.insert(room).second;
    }
  }
  for (const auto& [room, uses] : rooms)
    EXPECT_TRUE(grounded.contains(room)) << room;
}

// ---- the checker itself ----

TEST(HouseTable, IsReadFromTheBuild) {
  const Rooms rooms = rooms_of(
      "tinkerbell_room(base LINKS json)\n"
      "tinkerbell_room(drivers/llm USES base io\n  PRIVATE OpenSSL::SSL)\n");
  EXPECT_EQ(rooms, (Rooms{{"base", {}}, {"drivers/llm", {"base", "io"}}}));
}

TEST(HouseTable, SeesEveryIncludeLine) {
  EXPECT_EQ(quoted_includes("#include \"a/b.hpp\"\n  # include \"tinkerbell/c.hpp\"\n"
                            "#include <vector>\nint x;  // include \"no.hpp\"\n"),
            (std::vector<std::string>{"a/b.hpp", "tinkerbell/c.hpp"}));
}

TEST(HouseTable, FindsAPlantedInclude) {
  const Rooms rooms = rooms_of_the_build();
  const auto bad = [&](const std::string& room, const char* include, bool is_public = false) {
    return fault_of(room, is_public, include, rooms).has_value();
  };
  EXPECT_FALSE(bad("policy", "tinkerbell/command/facts.hpp"));
  EXPECT_FALSE(bad("policy", "policy/glob.hpp"));
  EXPECT_TRUE(bad("policy", "policy/glob.hpp", true));
  EXPECT_TRUE(bad("policy", "tinkerbell/journal/store.hpp"));
  EXPECT_TRUE(bad("base", "tinkerbell/command/facts.hpp"));
  EXPECT_TRUE(bad("cli", "tinkerbell/command/commands.hpp"));
  EXPECT_TRUE(bad("daemon", "policy/glob.hpp"));
  EXPECT_TRUE(bad("policy", "tinkerbell/attic/x.hpp"));
  EXPECT_TRUE(bad("kernel", "tinkerbell/drivers/llm/x.hpp"));

  EXPECT_FALSE(bad("drivers/file", "tinkerbell/syscall/driver.hpp"));
  EXPECT_TRUE(bad("drivers/file", "tinkerbell/syscall/registry.hpp"));
  EXPECT_TRUE(bad("drivers/file", "tinkerbell/drivers/llm/x.hpp"));
  EXPECT_FALSE(bad("tasks", "tinkerbell/syscall/await.hpp"));
  EXPECT_TRUE(bad("tasks", "tinkerbell/syscall/driver.hpp"));
  EXPECT_FALSE(bad("telemetry", "tinkerbell/kernel/observer.hpp"));
  EXPECT_TRUE(bad("telemetry", "tinkerbell/kernel/scheduler.hpp"));
  EXPECT_FALSE(bad("control", "tinkerbell/kernel/inspect.hpp"));
  EXPECT_TRUE(bad("control", "tinkerbell/kernel/scheduler.hpp"));
}

}  // namespace
}  // namespace tinkerbell
