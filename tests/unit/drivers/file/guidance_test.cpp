#include "drivers/file/guidance.hpp"

#include "drivers/file/front_matter.hpp"
#include "support/temp_dir.hpp"

#include "tinkerbell/base/hash.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace tinkerbell {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::string skill(const std::string& name, const std::string& body = "Do it.\n") {
  return "---\nname: " + name + "\ndescription: >\n  Does " + name + ",\n  quickly: and well.\n" +
         "allowed-tools: Bash(*)\n---\n" + body;
}

// ---- front matter ----

TEST(SkillText, IsYamlAndABody) {
  const auto read =
      read_skill_text("\xEF\xBB\xBF---\r\nname: \"pdf\"\r\ndescription: a\r\n---\r\nBody");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->name, "pdf");
  EXPECT_EQ(read->description, "a");
  EXPECT_EQ(read->body, "Body");
  EXPECT_EQ(read_skill_text(skill("x"))->description, "Does x, quickly: and well.\n");
}

TEST(SkillText, S66_WhatIsNoneIsAnError) {
  for (const std::string& text :
       {std::string(), std::string("# Title"), std::string("---\nname: a\n"),
        std::string("---\n[1, 2]\n---\n"), std::string("---\nname: a\n---\n"),
        std::string("---\ndescription: a\n---\n"),
        std::string("---\nname: [a]\ndescription: b\n---\n"),
        std::string("---\nname: a: b: c\n---\n"), "---\n" + std::string(20'000, '[') + "\n---\n",
        "---\nname: " + std::string(10'000, '[') + "\n---\n"}) {
    EXPECT_FALSE(read_skill_text(text)) << text.substr(0, 60);
  }
}

TEST(SkillName, IsThatOfADirectory) {
  for (const char* good : {"a", "pdf-2", "0"})
    EXPECT_TRUE(is_skill_name(good)) << good;
  for (const char* bad : {"", "A", "a--b", "-a", "a-", "a_b", "..", "a/b"})
    EXPECT_FALSE(is_skill_name(bad)) << bad;
  EXPECT_FALSE(is_skill_name(std::string(65, 'a')));
}

// ---- what is found ----

class GuidanceTest : public testing::Test {
 protected:
  GuidanceTest() { std::filesystem::create_directories(dir_ / "repo/sub/work"); }

  void put(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories((dir_ / path).parent_path());
    dir_.write(path, text);
  }

  AwaitGuidance::Reply found(const AwaitGuidance& command = {}) {
    const auto workspace = Workspace::open(real("repo/sub/work"));
    return read_guidance({**workspace, *contents_, limits_, {}}, {}, command);
  }

  Result<AwaitSkill::Reply> read(const AwaitSkill& command) {
    const auto workspace = Workspace::open(real("repo/sub/work"));
    return read_skill({**workspace, *contents_, limits_, {}}, {}, command);
  }

  static Errc code(const auto& result) { return result ? Errc::internal : result.error().code; }

  std::string real(const std::string& path) const {
    return std::filesystem::canonical(dir_.path()).string() + "/" + path;
  }

  TempDir dir_;
  std::unique_ptr<ContentStore> contents_ = *ContentStore::open(dir_ / "contents");
  FileLimits limits_{.may_show = [](const TaskCommand& /*look*/, const Facts& /*facts*/,
                                    const std::string& entry) { return !entry.contains("secret"); },
                     .own = {},
                     .user_skills = dir_ / "user",
                     .system_skills = dir_ / "system"};
};

TEST_F(GuidanceTest, InstructionsComeFromTheRootOfTheRepositoryDownToTheWorkspace) {
  put("AGENTS.md", "outside of the repository");
  put("repo/.git/HEAD", "");
  put("repo/AGENTS.md", "root");
  put("repo/sub/work/AGENTS.md", "near");
  const AwaitGuidance::Reply reply = found();
  ASSERT_THAT(reply.instructions, SizeIs(2));
  EXPECT_EQ(reply.instructions[0].path, real("repo/AGENTS.md"));
  EXPECT_EQ(reply.instructions[0].text, "root");
  EXPECT_EQ(reply.instructions[1].path, "AGENTS.md");
  EXPECT_EQ(reply.instructions[1].sha256, sha256("near").hex());
}

TEST_F(GuidanceTest, OutsideOfARepositoryOnlyTheWorkspaceCounts) {
  put("repo/AGENTS.md", "above");
  put("repo/sub/work/AGENTS.md", "near");
  EXPECT_THAT(found().instructions, SizeIs(1));
}

TEST_F(GuidanceTest, TheFarthestAreCutFirst) {
  put("repo/.git/HEAD", "");
  put("repo/AGENTS.md", std::string(100, 'r'));
  put("repo/sub/work/AGENTS.md", std::string(97, 'n') + "\u00fc");
  const AwaitGuidance::Reply reply = found({.instructions_bytes_max = 130});
  EXPECT_EQ(reply.instructions[1].text.size(), 99U);
  EXPECT_TRUE(reply.instructions[1].complete);
  EXPECT_EQ(reply.instructions[0].text.size(), 31U);
  EXPECT_FALSE(reply.instructions[0].complete);
  EXPECT_EQ(reply.instructions[0].sha256, sha256(std::string(100, 'r')).hex()) << "of all of it";
  EXPECT_EQ(found({.instructions_bytes_max = 98}).instructions[1].text, std::string(97, 'n'))
      << "between two code points";
}

TEST_F(GuidanceTest, S41_ALinkLeadsNowhereOutside) {
  put("canary", "canary");
  std::filesystem::create_symlink(dir_ / "canary", dir_ / "repo/sub/work/AGENTS.md");
  const AwaitGuidance::Reply reply = found();
  EXPECT_THAT(reply.instructions, IsEmpty());
  EXPECT_THAT(reply.left, SizeIs(1));
}

TEST_F(GuidanceTest, WhatRulesForbidIsNotRead) {
  put("repo/sub/work/.agents/notes/1-secret.md", "canary");
  put("repo/sub/work/.agents/notes/2.md", "note");
  const AwaitGuidance::Reply reply = found();
  ASSERT_THAT(reply.notes, SizeIs(1));
  EXPECT_EQ(reply.notes[0].path, ".agents/notes/2.md");
}

TEST_F(GuidanceTest, TheNewestNotesComeLastAndTheOldestAreLeftOut) {
  for (int i = 1; i <= 9; ++i)
    put("repo/sub/work/.agents/notes/2026" + std::to_string(i) + ".md", std::string(1'000, 'n'));
  const AwaitGuidance::Reply reply = found({.notes_bytes_max = 2'500});
  ASSERT_THAT(reply.notes, SizeIs(3));
  EXPECT_EQ(reply.notes[2].path, ".agents/notes/20269.md");
  EXPECT_FALSE(reply.notes[0].complete);
}

TEST_F(GuidanceTest, OfTwoSkillsWithOneNameTheNearestIsTaken) {
  put("repo/sub/work/.agents/skills/pdf/SKILL.md", skill("pdf", "near"));
  put("user/pdf/SKILL.md", skill("pdf", "user"));
  put("user/xls/SKILL.md", skill("xls"));
  put("system/doc/SKILL.md", skill("doc"));
  put("system/bad/SKILL.md", skill("other"));
  put("system/none/README.md", "x");
  const AwaitGuidance::Reply reply = found();
  ASSERT_THAT(reply.skills, SizeIs(3));
  EXPECT_EQ(reply.skills[0].name, "doc");
  EXPECT_EQ(reply.skills[0].place, SkillPlace::system);
  EXPECT_EQ(reply.skills[1].name, "pdf");
  EXPECT_EQ(reply.skills[1].place, SkillPlace::workspace);
  EXPECT_EQ(reply.skills[2].place, SkillPlace::user);
  EXPECT_THAT(reply.left,
              ElementsAre(HasSubstr("skill bad: its name is not"), HasSubstr("skill none: ")));
  EXPECT_EQ(read({.name = "pdf"})->text, "near");
}

TEST_F(GuidanceTest, ASkillIsReadInStages) {
  put("user/pdf/SKILL.md", skill("pdf"));
  put("user/pdf/scripts/a.py", "print(1)");
  const auto body = read({.name = "pdf"});
  ASSERT_TRUE(body) << body.error().message;
  EXPECT_EQ(body->text, "Do it.\n");
  EXPECT_EQ(body->directory, real("user/pdf"));
  EXPECT_THAT(body->files, ElementsAre("scripts/a.py"));
  EXPECT_EQ(read({.name = "pdf", .file = "scripts/a.py"})->text, "print(1)");
  EXPECT_EQ(code(read({.name = "none"})), Errc::not_found);
  EXPECT_EQ(code(read({.name = "pdf", .file = "none"})), Errc::not_found);
}

TEST_F(GuidanceTest, S38_AFileOutsideOfTheSkillIsNotRead) {
  put("user/pdf/SKILL.md", skill("pdf"));
  put("user/other.txt", "canary");
  put("canary", "canary");
  EXPECT_EQ(code(read({.name = "pdf", .file = "../other.txt"})), Errc::outside_workspace);
  EXPECT_EQ(code(read({.name = "pdf", .file = "../../canary"})), Errc::outside_workspace);
  EXPECT_FALSE(read({.name = "../user/pdf"}));
  std::filesystem::create_symlink("../other.txt", dir_ / "user/pdf/link");
  EXPECT_EQ(code(read({.name = "pdf", .file = "link"})), Errc::outside_workspace);
}

}  // namespace
}  // namespace tinkerbell
