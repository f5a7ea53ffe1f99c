#include "base/standard_streams.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace llorch {
namespace {

bool is_bad(ssize_t result) {
  return result == -1 && errno == EBADF;
}

/// Exit code of a child that has all three closed: 0, or the number of what went wrong.
int use_closed_streams() {
  for (int fd = 0; fd < 3; ++fd) {
    ::close(fd);
  }
  open_standard_streams();
  const int file = ::open("/dev/null", O_RDWR);
  if (file < 3) {
    return 1;
  }
  char byte = 0;
  if (!is_bad(::read(0, &byte, 1))) {
    return 2;
  }
  return is_bad(::write(1, &byte, 1)) && is_bad(::write(2, &byte, 1)) ? 0 : 3;
}

TEST(StandardStreams, OnesThatAreClosedStayUnusableAndKeepTheirNumbers) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(use_closed_streams());
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(StandardStreams, OnesThatAreOpenStayAsTheyAre) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], 1);
    open_standard_streams();
    ::_exit(::write(1, "x", 1) == 1 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  char byte = 0;
  EXPECT_EQ(::read(ends[0], &byte, 1), 1);
  EXPECT_EQ(byte, 'x');
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace llorch
