// Files as a run needs them: whole or not at all. Output is written under another name, flushed to
// the disk and renamed into place; large input is mapped. Every failure is an Error that names the
// path and the system's reason and says what to try.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace temper::file {

/// The whole file.
std::string read_file(const std::string& path);

/// Replaces `path` by `bytes` in one step: a reader, or a machine that lost power, sees the old
/// file or the new one, never a part.
void write_atomically(const std::string& path, std::string_view bytes);

/// Renames a finished, flushed file into place, and flushes the folder.
void replace_file(const std::string& temporary, const std::string& final_path);

/// Makes the folder and its parents; one that is there already is fine.
void make_folder(const std::string& path);

/// Whether anything (a file, a folder) has this path.
bool exists(const std::string& path);

/// Whether `path` is a folder.
bool is_folder(const std::string& path);

/// The names in a folder, sorted, without "." and "..".
std::vector<std::string> names_in(const std::string& folder);

/// Bytes an ordinary user can still write where `path` is, or would be once made.
int64_t free_bytes(const std::string& path);

/// Flushes every file of the finished folder `temporary` to the disk, then renames it to
/// `final_path` in one step; a folder of that name is replaced and removed.
void replace_folder(const std::string& temporary, const std::string& final_path);

/// Removes a folder with all it holds (or a file); nothing there is fine. Links are removed, not
/// followed.
void remove_folder(const std::string& path);

/// A log that grows: writes gather in a buffer of 64 KiB and reach the end of the file by flush().
/// Destruction flushes, and drops what cannot be written: call flush() or sync() where that
/// matters.
class AppendFile {
 public:
  /// Opens `path` for appending; makes it (not its folder) if it is not there.
  static AppendFile open(const std::string& path);
  AppendFile(AppendFile&& other) noexcept;
  AppendFile& operator=(AppendFile&& other) noexcept;
  ~AppendFile();

  void write(std::string_view bytes);
  /// Hands all written bytes to the system: other processes see them.
  void flush();
  /// flush(), then waits until the disk has them.
  void sync();
  /// Bytes in the file, those still in the buffer included.
  int64_t size() const { return written_ + static_cast<int64_t>(buffer_.size()); }
  /// Cuts the file to its first `bytes`, which must not be more than size().
  void truncate(int64_t bytes);

 private:
  AppendFile(std::string path, int descriptor, int64_t written);
  std::string path_, buffer_;
  int descriptor_ = -1;
  int64_t written_ = 0;
};

/// A file seen as memory, read-only; pages are read when touched. Its bytes live as long as this
/// object. The file must not shrink meanwhile.
class MappedFile {
 public:
  static MappedFile open(const std::string& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  MappedFile(const std::byte* data, size_t size) : data_(data), size_(size) {}
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace temper::file
