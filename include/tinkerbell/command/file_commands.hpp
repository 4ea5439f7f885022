#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/command/effect.hpp"
#include "tinkerbell/command/file_change.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Files of the workspace. Every path is relative to it and never leaves it.

namespace tinkerbell {

/// What one command moves or removes at most.
inline constexpr std::size_t kPathsChangedMax = 100'000;
inline constexpr std::uint64_t kBytesChangedMax = std::uint64_t{4} << 30;

/// Read a file into memory: the whole of it, or a page of its lines. Bytes are kept as they are,
/// also where they are not UTF-8. Errors: not_found, denied, outside_workspace, too_large, invalid
/// (not a regular file; it has no such line or column), cancelled. Source: openat2(2), read(2).
struct AwaitFileRead {
  static constexpr std::string_view kName = "file.read";
  static constexpr EffectClass kEffect = EffectClass::pure;

  struct Reply {
    std::string text;
    std::uint64_t bytes = 0;        ///< Of a page: the length of the whole file.
    std::uint64_t next_line = 0;    ///< Of a page: where the next one begins; 0: this is the last.
    std::uint64_t next_column = 0;  ///< And in that line.
    std::string found_at = {};      ///< Where links led; empty: none did.

    static constexpr auto fields() {
      return described(field("text", &Reply::text), field("bytes", &Reply::bytes),
                       field("next_line", &Reply::next_line),
                       field("next_column", &Reply::next_column),
                       field("found_at", &Reply::found_at));
    }
  };

  std::string path;
  std::uint64_t bytes_max = 1 << 20;    ///< A longer file is an error, never cut short. A page ends
                                        ///< there, after a whole line if it has one.
  std::optional<std::uint64_t> line;    ///< Where the page begins, counted from 1; nothing: it
                                        ///< is no page, but all of it.
  std::optional<std::uint64_t> column;  ///< How many bytes of that line are passed over.
  std::optional<std::uint64_t> lines_max;  ///< Of the page.

  static constexpr auto fields() {
    return described(field("path", &AwaitFileRead::path),
                     field("bytes_max", &AwaitFileRead::bytes_max),
                     field("line", &AwaitFileRead::line), field("column", &AwaitFileRead::column),
                     field("lines_max", &AwaitFileRead::lines_max));
  }
};

/// Create a file or replace its whole content, atomically (temporary file, fsync, rename, fsync of
/// the directory). Missing directories are created. Errors: denied, outside_workspace, too_large,
/// invalid, conflict (changed since asked).
struct AwaitFileWrite {
  static constexpr std::string_view kName = "file.write";
  static constexpr EffectClass kEffect = EffectClass::local;

  struct Reply {
    std::uint64_t bytes = 0;
    bool created = false;
    std::vector<FileChange> changes;  ///< The file, and the directories that were made for it.

    static constexpr auto fields() {
      return described(field("bytes", &Reply::bytes), field("created", &Reply::created),
                       field("changes", &Reply::changes));
    }
  };

  std::string path;
  std::string content;

  static constexpr auto fields() {
    return described(field("path", &AwaitFileWrite::path),
                     field("content", &AwaitFileWrite::content));
  }
};

/// Replace the one place where `old_text` occurs, or all of them. Errors: as AwaitFileWrite;
/// not_found (file or text: the message says where it nearly is), conflict (several places and not
/// `replace_all`; or changed since asked).
struct AwaitFileEdit {
  static constexpr std::string_view kName = "file.edit";
  static constexpr EffectClass kEffect = EffectClass::local;

  struct Reply {
    std::uint64_t line = 0;  ///< Where the change begins, counted from 1.
    std::vector<FileChange> changes;
    std::uint64_t places = 1;  ///< So many were replaced.

    static constexpr auto fields() {
      return described(field("line", &Reply::line), field("changes", &Reply::changes),
                       field("places", &Reply::places));
    }
  };

  std::string path;
  std::string old_text;
  std::string new_text;
  bool replace_all = false;  ///< Each place, from the left; those that overlap one before are none.

  static constexpr auto fields() {
    return described(field("path", &AwaitFileEdit::path),
                     field("old_text", &AwaitFileEdit::old_text),
                     field("new_text", &AwaitFileEdit::new_text),
                     field("replace_all", &AwaitFileEdit::replace_all));
  }
};

/// Look at what stands at a path, whatever it is; a link there is not followed, so it may lead
/// anywhere. Errors: not_found, denied, outside_workspace. Source: statx(2).
struct AwaitFileStat {
  static constexpr std::string_view kName = "file.stat";
  static constexpr EffectClass kEffect = EffectClass::pure;

  struct Reply {
    std::string type;         ///< "file", "directory", "link" or "other".
    std::uint32_t mode = 0;   ///< The permission bits, 07777.
    std::uint64_t bytes = 0;  ///< Of a file's content or a link's target.
    std::int64_t modified_unix_ns = 0;
    std::string target;  ///< Of a link.

    static constexpr auto fields() {
      return described(
          field("type", &Reply::type), field("mode", &Reply::mode), field("bytes", &Reply::bytes),
          field("modified_unix_ns", &Reply::modified_unix_ns), field("target", &Reply::target));
    }
  };

  std::string path;

  static constexpr auto fields() { return described(field("path", &AwaitFileStat::path)); }
};

/// Give a file, a link, or a directory with all that is in it another place. Nothing may stand
/// there; missing directories above it are made, with the mode of the one that they are made in.
/// All of it or nothing. What arrives is new: contents, modes and links are kept; times, owners,
/// extended attributes, set-user-id bits and hard links are not. Errors: not_found, conflict
/// (something stands there, or it is not what was asked about any more), denied (also what cannot
/// be read, and another owner's file by a hard link), outside_workspace, invalid (a directory into
/// itself, the workspace itself), too_large (kPathsChangedMax, kBytesChangedMax), unsupported
/// (something in it that is neither file, directory nor link, or another mount), cancelled, io,
/// storage_full.
struct AwaitFileMove {
  static constexpr std::string_view kName = "file.move";
  static constexpr EffectClass kEffect = EffectClass::local;

  struct Reply {
    std::vector<FileChange> changes;

    static constexpr auto fields() { return described(field("changes", &Reply::changes)); }
  };

  std::string path;
  std::string to;

  static constexpr auto fields() {
    return described(field("path", &AwaitFileMove::path), field("to", &AwaitFileMove::to));
  }
};

/// Remove a file, a link or a directory. All of it or nothing. What it was is kept first. Errors:
/// as AwaitFileMove; conflict also for a directory with something in it, unless `recursive`.
struct AwaitFileRemove {
  static constexpr std::string_view kName = "file.remove";
  static constexpr EffectClass kEffect = EffectClass::local;

  struct Reply {
    std::vector<FileChange> changes;

    static constexpr auto fields() { return described(field("changes", &Reply::changes)); }
  };

  std::string path;
  bool recursive = false;

  static constexpr auto fields() {
    return described(field("path", &AwaitFileRemove::path),
                     field("recursive", &AwaitFileRemove::recursive));
  }
};

/// What a patch has at most.
inline constexpr std::size_t kPatchFilesMax = 1'000;

/// One passage of a file that becomes another: whole lines, with as many around what changes as say
/// where it is.
struct PatchHunk {
  std::uint64_t line = 0;  ///< Where it should be, counted from 1: decides where it could be in
                           ///< several places. 0: nobody says.
  std::string before;
  std::string after;

  static constexpr auto fields() {
    return described(field("line", &PatchHunk::line), field("before", &PatchHunk::before),
                     field("after", &PatchHunk::after));
  }
};

/// What becomes of one file.
struct PatchedFile {
  std::string path;                ///< As it is; empty: it is made.
  std::string to;                  ///< As it will be; empty: it is removed, and all of it must be
                                   ///< in the hunks.
  std::vector<PatchHunk> hunks;    ///< In their order in the file.
  std::optional<bool> executable;  ///< Nothing: as it is, and a new file is not.

  static constexpr auto fields() {
    return described(field("path", &PatchedFile::path), field("to", &PatchedFile::to),
                     field("hunks", &PatchedFile::hunks),
                     field("executable", &PatchedFile::executable));
  }
};

/// Change, make, remove and rename files as a patch says. All of it or nothing. Each hunk must be
/// in its file exactly, at one place or at the line that it says, after the hunk before it; nothing
/// is guessed. A new file has mode 0644, or 0755. Errors: not_found (a file; or a hunk: the message
/// says where it nearly is), conflict (something stands where a file is to be made; several places;
/// more left of a file that is removed; two parts about one file; or it is not what was asked about
/// any more), invalid (no file, or a hunk without a line of the file), too_large, denied,
/// outside_workspace, unsupported, cancelled, io, storage_full.
struct AwaitFilePatch {
  static constexpr std::string_view kName = "file.patch";
  static constexpr EffectClass kEffect = EffectClass::local;

  struct Reply {
    std::vector<FileChange> changes;

    static constexpr auto fields() { return described(field("changes", &Reply::changes)); }
  };

  std::vector<PatchedFile> files;

  static constexpr auto fields() { return described(field("files", &AwaitFilePatch::files)); }
};

/// Write what was kept of an earlier reply, which names it by its hash, into a file: make it, or
/// replace all that it holds. A new file has mode 0644. All of it or nothing. Errors: not_found
/// (not kept, or not any more), invalid (no hash; something else than a file stands there),
/// denied, outside_workspace, conflict (the file is not what was asked about any more),
/// unsupported, too_large, cancelled, io, storage_full.
struct AwaitFileSave {
  static constexpr std::string_view kName = "file.save";
  static constexpr EffectClass kEffect = EffectClass::local;

  struct Reply {
    std::vector<FileChange> changes;

    static constexpr auto fields() { return described(field("changes", &Reply::changes)); }
  };

  std::string path;
  std::string sha256;  ///< 64 hexadecimal digits.

  static constexpr auto fields() {
    return described(field("path", &AwaitFileSave::path), field("sha256", &AwaitFileSave::sha256));
  }
};

/// Take back what a task has changed: a list of what its steps changed, turned round. Each path
/// must still be as that task left it, or be as it is to become already; else nothing is done, or
/// with `keep_others` what cannot be taken back stays as it is, and what cannot be done without it.
/// All of the rest or nothing. Of `.git`, an index that lists the same is as it was left, and logs
/// and messages that have moved on stay as they are. Errors: conflict (the message lists the paths
/// that somebody else changed since), not_found (the list, or contents, by their paths, that were
/// not kept), denied (the daemon's own files), invalid (changes that make no tree), cancelled, io,
/// storage_full.
struct AwaitFileRestore {
  static constexpr std::string_view kName = "file.restore";
  static constexpr EffectClass kEffect = EffectClass::local;

  struct Reply {
    std::vector<FileChange> changes;
    std::vector<LeftInDraft> left;

    static constexpr auto fields() {
      return described(field("changes", &Reply::changes), field("left", &Reply::left));
    }
  };

  TaskId of = kNoTask;      ///< Whose changes these were.
  std::uint64_t step = 0;   ///< What came after this step is taken back.
  std::string list_sha256;  ///< Of the list of the changes to make, which is kept among the
                            ///< contents (workspace/change_list.hpp).
  bool keep_others = false;

  static constexpr auto fields() {
    return described(field("of", &AwaitFileRestore::of), field("step", &AwaitFileRestore::step),
                     field("list_sha256", &AwaitFileRestore::list_sha256),
                     field("keep_others", &AwaitFileRestore::keep_others));
  }
};

/// One entry of a directory listing.
struct FileEntry {
  std::string path;  ///< Relative to the workspace.
  std::string type;  ///< "file", "directory", "link" or "other".
  std::uint64_t bytes = 0;

  static constexpr auto fields() {
    return described(field("path", &FileEntry::path), field("type", &FileEntry::type),
                     field("bytes", &FileEntry::bytes));
  }
};

/// List a directory, sorted by path; `.git` is shown and not entered. Links are not followed.
struct AwaitFileList {
  static constexpr std::string_view kName = "file.list";
  static constexpr EffectClass kEffect = EffectClass::pure;

  struct Reply {
    std::vector<FileEntry> entries;
    bool complete = true;  ///< False: there were more than entries_max.

    static constexpr auto fields() {
      return described(field("entries", &Reply::entries), field("complete", &Reply::complete));
    }
  };

  std::string path = ".";
  bool recursive = false;
  std::uint32_t entries_max = 1'000;

  static constexpr auto fields() {
    return described(field("path", &AwaitFileList::path),
                     field("recursive", &AwaitFileList::recursive),
                     field("entries_max", &AwaitFileList::entries_max));
  }
};

/// One line that matched.
struct FileMatch {
  std::string path;
  std::uint64_t line = 0;  ///< Counted from 1.
  std::string text;        ///< The line, shortened to 400 bytes.

  static constexpr auto fields() {
    return described(field("path", &FileMatch::path), field("line", &FileMatch::line),
                     field("text", &FileMatch::text));
  }
};

/// Find a literal text in the files below a directory. `.git`, binary and very large files are
/// passed over.
struct AwaitFileSearch {
  static constexpr std::string_view kName = "file.search";
  static constexpr EffectClass kEffect = EffectClass::pure;

  struct Reply {
    std::vector<FileMatch> matches;
    bool complete = true;  ///< False: there were more than matches_max.

    static constexpr auto fields() {
      return described(field("matches", &Reply::matches), field("complete", &Reply::complete));
    }
  };

  std::string text;
  std::string path = ".";
  std::uint32_t matches_max = 200;

  static constexpr auto fields() {
    return described(field("text", &AwaitFileSearch::text), field("path", &AwaitFileSearch::path),
                     field("matches_max", &AwaitFileSearch::matches_max));
  }
};

}  // namespace tinkerbell
