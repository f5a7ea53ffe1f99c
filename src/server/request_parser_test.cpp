// Requests whole and in pieces, and those that would mean different things to different readers.
#include "server/request_parser.h"

#include <gtest/gtest.h>

namespace llorch {
namespace {

using State = RequestParser::State;

/// The status with which `bytes` are refused; 0 when they are a request, -1 when more is needed.
int refused(const std::string& bytes, std::size_t piece) {
  RequestParser parser(1024, 4096);
  std::string input;
  State state = State::need_more;
  for (std::size_t at = 0; at < bytes.size() && state == State::need_more; at += piece) {
    input += bytes.substr(at, piece);
    state = parser.feed(input);
  }
  return state == State::done ? 0 : state == State::refused ? parser.refusal().status : -1;
}

struct Case {
  int status;
  std::string bytes;
};

class Requests : public ::testing::TestWithParam<Case> {};

TEST_P(Requests, AreJudgedAlikeInPiecesOfEverySize) {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}, std::size_t{1000}}) {
    EXPECT_EQ(refused(GetParam().bytes, piece), GetParam().status) << piece << ": " << GetParam().bytes;
  }
}

const std::string kPost = "POST /execute HTTP/1.1\r\nHost: a\r\n";

INSTANTIATE_TEST_SUITE_P(
    Table, Requests,
    ::testing::Values(
        Case{0, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n"}, Case{0, "GET /health HTTP/1.0\r\n\r\n"},
        Case{0, kPost + "Content-Length: 3\r\n\r\nabc"},
        Case{0, kPost + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"},
        Case{0, kPost + "Transfer-Encoding: CHUNKED\r\n\r\n3;ext=1\r\nabc\r\n0\r\nTrailer: x\r\n\r\n"},
        Case{0, "\r\n\r\n\nGET /health HTTP/1.1\r\nHost: a\r\n\r\n"}, Case{-1, "\r\n\r\n"},
        Case{0, kPost + "Content-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc"},
        Case{415, kPost + "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"},
        Case{415, kPost + "Content-Encoding: identity\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"},
        Case{-1, kPost + "Content-Length: 3\r\n\r\nab"}, Case{-1, "GET / HTT"},
        // Two answers to the question where the body ends.
        Case{400, kPost + "Content-Length: 3\r\nContent-Length: 5\r\n\r\nabc"},
        Case{400, kPost + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"},
        Case{400, kPost + "Content-Length: 3, 3\r\n\r\nabc"}, Case{400, kPost + "Content-Length: +3\r\n\r\nabc"},
        Case{400, kPost + "Content-Length: 0x3\r\n\r\nabc"},
        Case{400, kPost + "Content-Length: 99999999999999999999\r\n\r\nabc"},
        Case{400, kPost + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        Case{400, kPost + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"},
        Case{501, kPost + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
        Case{501, kPost + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
        Case{501, kPost + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"},
        Case{400, "POST /execute HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        Case{400, kPost + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"},
        Case{400, kPost + "Transfer-Encoding: chunked\r\n\r\n-1\r\n"},
        Case{400, kPost + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n"},
        // Headers.
        Case{400, "GET / HTTP/1.1\r\n\r\n"}, Case{400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
        Case{400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"}, Case{400, "GET / HTTP/1.1\r\nHost: a\r\nB\x01: c\r\n\r\n"},
        Case{400, "GET / HTTP/1.1\r\nHost: a\r\nB: c\x01\r\n\r\n"}, Case{400, "GET / HTTP/9.9\r\nHost: a\r\n\r\n"},
        Case{400, "nonsense\r\n\r\n"}, Case{400, std::string("\0\0\0\0\r\n\r\n", 8)},
        Case{417, kPost + "Expect: more\r\nContent-Length: 3\r\n\r\nabc"},
        Case{431, "GET / HTTP/1.1\r\nHost: a\r\nB: " + std::string(2000, 'x') + "\r\n\r\n"},
        Case{431, "GET /" + std::string(2000, 'x')}, Case{413, kPost + "Content-Length: 5000\r\n\r\n"},
        Case{413, kPost + "Transfer-Encoding: chunked\r\n\r\n1388\r\n" + std::string(5000, 'x')}));

TEST(RequestParser, LeavesTheNextRequest) {
  RequestParser parser(1024, 4096);
  std::string input = kPost + "Content-Length: 3\r\n\r\nabcGET /next";
  ASSERT_EQ(parser.feed(input), State::done);
  EXPECT_EQ(input, "GET /next");
  const HttpRequest request = parser.release();
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.body, "abc");
  EXPECT_EQ(request.header("content-length"), "3");
}

TEST(RequestParser, PathsOfEveryForm) {
  for (const auto& [target, path] :
       {std::pair{"/a/b?c=d#e", "/a/b"}, std::pair{"http://host:1/a?b", "/a"}, std::pair{"http://host", "/"},
        std::pair{"*", "*"}, std::pair{"/x://y", "/x://y"}}) {
    RequestParser parser(1024, 4096);
    std::string input = std::string("GET ") + target + " HTTP/1.1\r\nHost: a\r\n\r\n";
    ASSERT_EQ(parser.feed(input), State::done) << target;
    EXPECT_EQ(parser.release().path, path);
  }
}

TEST(RequestParser, SaysContinueOnce) {
  RequestParser parser(1024, 4096);
  std::string input = kPost + "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n";
  EXPECT_EQ(parser.feed(input), State::need_more);
  EXPECT_TRUE(parser.take_continue());
  EXPECT_FALSE(parser.take_continue());
  input += "abc";
  EXPECT_EQ(parser.feed(input), State::done);
}

}  // namespace
}  // namespace llorch
