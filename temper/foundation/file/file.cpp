#include "temper/foundation/file/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "temper/foundation/error/error.h"

namespace temper::file {

namespace {

namespace fs = std::filesystem;

constexpr size_t kBuffer = 64 * 1024;

std::string advice(int code) {
  switch (code) {
    case ENOENT:
      return "check the path, and that its folder exists";
    case EACCES:
    case EPERM:
    case EROFS:
      return "choose a path you may use, or change its permissions";
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return "free disk space, or choose another disk; nothing half-written was left in place";
    case EISDIR:
      return "name a file, not a folder";
    case ENOTDIR:
      return "a part of the path is a file, not a folder";
    case EMFILE:
    case ENFILE:
      return "raise the limit of open files: ulimit -n 4096";
    case ENAMETOOLONG:
      return "choose a shorter path";
    default:
      return "check the disk and the path";
  }
}

[[noreturn]] void fail(const std::string& action, const std::string& path, int code) {
  throw Error(
      {"cannot " + action + ": " + std::generic_category().message(code), path, advice(code)});
}

/// An open file, closed at the end of its scope.
class Descriptor {
 public:
  Descriptor(const std::string& path, int flags, const std::string& action,
             const std::string& shown)
      : value_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {
    if (value_ < 0) fail(action, shown, errno);
  }
  Descriptor(const std::string& path, int flags, const std::string& action)
      : Descriptor(path, flags, action, path) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  int value() const { return value_; }
  int release() { return std::exchange(value_, -1); }

 private:
  int value_ = -1;
};

/// 0, or the error's number; `done` counts the bytes that were written.
int write_all(int descriptor, std::string_view bytes, size_t& done) {
  while (done < bytes.size()) {
    ssize_t wrote = ::write(descriptor, bytes.data() + done, bytes.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return wrote < 0 ? errno : EIO;
    done += static_cast<size_t>(wrote);
  }
  return 0;
}

std::string folder_of(const std::string& path) {
  fs::path parent = fs::path(path).parent_path();
  return parent.empty() ? "." : parent.string();
}

void sync_path(const std::string& path, bool folder) {
  Descriptor file(path, O_RDONLY | (folder ? O_DIRECTORY : 0), "open for flushing");
  // Some file systems cannot flush a folder and say EINVAL; there is nothing to be done about it.
  if (::fsync(file.value()) != 0 && !(folder && errno == EINVAL))
    fail("flush to the disk", path, errno);
}

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

}  // namespace

std::string read_file(const std::string& path) {
  Descriptor file(path, O_RDONLY, "read");
  struct stat status {};
  if (::fstat(file.value(), &status) != 0) fail("read", path, errno);
  if (S_ISDIR(status.st_mode)) fail("read", path, EISDIR);
  std::string bytes;
  size_t done = 0;
  size_t wanted = S_ISREG(status.st_mode) ? static_cast<size_t>(status.st_size) : 0;
  bytes.resize(wanted + 1);  // one more, so that the end is met without growing
  while (true) {
    ssize_t got = ::read(file.value(), bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("read", path, errno);
    if (got == 0) break;
    done += static_cast<size_t>(got);
    if (done == bytes.size()) bytes.resize(bytes.size() + std::max(bytes.size(), kBuffer));
  }
  bytes.resize(done);
  return bytes;
}

void write_atomically(const std::string& path, std::string_view bytes) {
  static std::atomic<unsigned> count{0};
  fs::path target(path);
  std::string temporary = (fs::path(folder_of(path)) /
                           ("." + target.filename().string() + "." + std::to_string(::getpid()) +
                            "-" + std::to_string(count++) + ".tmp"))
                              .string();
  int code = 0;
  {
    Descriptor file(temporary, O_WRONLY | O_CREAT | O_EXCL, "write", path);
    size_t done = 0;
    code = write_all(file.value(), bytes, done);
    if (code == 0 && ::fsync(file.value()) != 0) code = errno;
    if (code == 0 && ::close(file.release()) != 0) code = errno;
  }
  if (code == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) code = errno;
  if (code != 0) {
    ::unlink(temporary.c_str());
    fail("write", path, code);
  }
  sync_path(folder_of(path), true);
}

void replace_file(const std::string& temporary, const std::string& final_path) {
  if (::rename(temporary.c_str(), final_path.c_str()) != 0)
    fail("put the file in place", final_path, errno);
  sync_path(folder_of(final_path), true);
}

void make_folder(const std::string& path) {
  std::error_code error;
  fs::create_directories(without_slash(path), error);
  if (!error && !fs::is_directory(path, error) && !error) fail("make the folder", path, ENOTDIR);
  if (error) fail("make the folder", path, error.value());
}

bool exists(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error);
}

bool is_folder(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

std::vector<std::string> names_in(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> names;
  fs::directory_iterator walk(folder, error);
  if (error) fail("list the folder", folder, error.value());
  for (; walk != fs::directory_iterator(); walk.increment(error)) {
    names.push_back(walk->path().filename().string());
  }
  if (error) fail("list the folder", folder, error.value());
  std::sort(names.begin(), names.end());
  return names;
}

int64_t free_bytes(const std::string& path) {
  fs::path place = fs::path(path);
  std::error_code error;
  while (!fs::exists(place, error) && place.has_parent_path() && place != place.parent_path()) {
    place = place.parent_path();
  }
  if (!fs::exists(place, error)) place = ".";
  struct statvfs status {};
  if (::statvfs(place.c_str(), &status) != 0) fail("ask for free space", path, errno);
  return static_cast<int64_t>(status.f_bavail) * static_cast<int64_t>(status.f_frsize);
}

void replace_folder(const std::string& temporary, const std::string& final_path) {
  const std::string from = without_slash(temporary), to = without_slash(final_path);
  std::error_code error;
  fs::recursive_directory_iterator walk(from, error);
  if (error) fail("flush the folder", from, error.value());
  for (; walk != fs::recursive_directory_iterator(); walk.increment(error)) {
    if (walk->is_symlink()) continue;
    if (walk->is_regular_file() || walk->is_directory()) {
      sync_path(walk->path().string(), walk->is_directory());
    }
  }
  if (error) fail("flush the folder", from, error.value());
  sync_path(from, true);
  if (exists(to)) {
    // The two change names in one step, so that a folder of that name is there at every instant.
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) == 0) {
      sync_path(folder_of(to), true);
      remove_folder(from);
      return;
    }
    if (errno != EINVAL && errno != ENOSYS) fail("put the folder in place", to, errno);
    remove_folder(to);  // a file system that cannot exchange
  }
  if (::rename(from.c_str(), to.c_str()) != 0) fail("put the folder in place", to, errno);
  sync_path(folder_of(to), true);
}

void remove_folder(const std::string& path) {
  std::error_code error;
  fs::remove_all(without_slash(path), error);
  if (error && error != std::errc::no_such_file_or_directory) fail("remove", path, error.value());
}

AppendFile::AppendFile(std::string path, int descriptor, int64_t written)
    : path_(std::move(path)), descriptor_(descriptor), written_(written) {
  buffer_.reserve(kBuffer);
}

AppendFile AppendFile::open(const std::string& path) {
  Descriptor file(path, O_WRONLY | O_CREAT | O_APPEND, "open for writing");
  struct stat status {};
  if (::fstat(file.value(), &status) != 0) fail("open for writing", path, errno);
  return {path, file.release(), static_cast<int64_t>(status.st_size)};
}

AppendFile::AppendFile(AppendFile&& other) noexcept
    : path_(std::move(other.path_)),
      buffer_(std::exchange(other.buffer_, {})),
      descriptor_(std::exchange(other.descriptor_, -1)),
      written_(std::exchange(other.written_, 0)) {}

AppendFile& AppendFile::operator=(AppendFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(buffer_, other.buffer_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(written_, other.written_);
  return *this;
}

AppendFile::~AppendFile() {
  if (descriptor_ < 0) return;
  size_t done = 0;
  write_all(descriptor_, buffer_, done);
  ::close(descriptor_);
}

void AppendFile::write(std::string_view bytes) {
  ASSERT(descriptor_ >= 0, "this log was moved from");
  if (buffer_.size() + bytes.size() > kBuffer) flush();
  if (bytes.size() > kBuffer) {
    size_t done = 0;
    int code = write_all(descriptor_, bytes, done);
    written_ += static_cast<int64_t>(done);
    if (code != 0) fail("write", path_, code);
    return;
  }
  buffer_.append(bytes);
}

void AppendFile::flush() {
  size_t done = 0;
  int code = write_all(descriptor_, buffer_, done);
  written_ += static_cast<int64_t>(done);
  buffer_.erase(0, done);
  if (code != 0) fail("write", path_, code);
}

void AppendFile::sync() {
  flush();
  if (::fdatasync(descriptor_) != 0 && errno != EINVAL) fail("flush to the disk", path_, errno);
}

void AppendFile::truncate(int64_t bytes) {
  flush();
  ASSERT(bytes >= 0 && bytes <= written_, "a log is cut, never stretched");
  if (::ftruncate(descriptor_, bytes) != 0) fail("cut", path_, errno);
  written_ = bytes;
}

MappedFile MappedFile::open(const std::string& path) {
  Descriptor file(path, O_RDONLY, "read");
  struct stat status {};
  if (::fstat(file.value(), &status) != 0) fail("read", path, errno);
  if (S_ISDIR(status.st_mode)) fail("read", path, EISDIR);
  size_t size = static_cast<size_t>(status.st_size);
  if (size == 0) return {nullptr, 0};
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.value(), 0);
  if (data == MAP_FAILED) fail("map", path, errno);
  return {static_cast<const std::byte*>(data), size};
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace temper::file
