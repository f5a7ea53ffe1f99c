// Framing of answers, and what happens when nobody reads them.
#include "server/response.h"

#include <gtest/gtest.h>

namespace llorch {
namespace {

std::string taken(Writer& writer) {
  std::string bytes;
  writer.take(bytes);
  return bytes;
}

TEST(Writer, WholeAnswer) {
  Writer writer({}, 100, nullptr);
  writer.respond(404, {{"A", "b"}}, "body");
  writer.respond(200, {}, "again");
  writer.write("more");
  EXPECT_EQ(taken(writer), "HTTP/1.1 404 Not Found\r\nA: b\r\nContent-Length: 4\r\n\r\nbody");
  std::string bytes;
  EXPECT_EQ(writer.take(bytes), Writer::Next::done);
  EXPECT_TRUE(writer.keep_alive());
}

TEST(Writer, Chunks) {
  int woken = 0;
  Writer writer({}, 100, [&woken] { ++woken; });
  std::string bytes;
  EXPECT_EQ(writer.take(bytes), Writer::Next::wait);
  writer.begin(200, {});
  EXPECT_EQ(taken(writer), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  writer.write("0123456789abcdef");
  writer.write("");
  writer.end();
  EXPECT_EQ(taken(writer), "10\r\n0123456789abcdef\r\n0\r\n\r\n");
  EXPECT_EQ(woken, 3);
}

TEST(Writer, Http10ClosesAtTheEnd) {
  Writer writer({.http11 = false, .keep_alive = true}, 100, nullptr);
  writer.begin(200, {});
  writer.write("text");
  writer.end();
  EXPECT_EQ(taken(writer), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\ntext");
  EXPECT_FALSE(writer.keep_alive());
}

TEST(Writer, HeadHasNoBody) {
  Writer writer({.head = true}, 100, nullptr);
  writer.respond(200, {}, "body");
  EXPECT_EQ(taken(writer), "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
}

TEST(Writer, SlowClientIsDropped) {
  int gone = 0;
  Writer writer({}, 100, nullptr);
  writer.on_close([&gone] { ++gone; });
  writer.begin(200, {});
  writer.write(std::string(90, 'x'));
  std::string bytes;
  EXPECT_EQ(writer.take(bytes), Writer::Next::drop);
  writer.client_gone();
  writer.client_gone();
  EXPECT_EQ(gone, 1);
  EXPECT_TRUE(writer.closed());
  writer.on_close([&gone] { ++gone; });
  EXPECT_EQ(gone, 2) << "told at once";
}

TEST(Writer, AClientThatLeftMayStillListen) {
  int gone = 0;
  Writer writer({}, 1000, nullptr);
  writer.begin(200, {});
  writer.client_left();
  writer.on_close([&gone] { ++gone; });
  EXPECT_EQ(gone, 1) << "told at once";
  EXPECT_FALSE(writer.closed());
  taken(writer);
  writer.write("last");
  writer.end();
  EXPECT_EQ(taken(writer), "4\r\nlast\r\n0\r\n\r\n");
}

TEST(Writer, NobodyIsToldAfterTheEnd) {
  int gone = 0;
  Writer writer({}, 1000, nullptr);
  writer.on_close([&gone] { ++gone; });
  writer.begin(200, {});
  writer.end();
  writer.client_gone();
  EXPECT_EQ(gone, 0);
}

TEST(Writer, AbandonedAnswers) {
  Writer unbegun({}, 1000, nullptr);
  unbegun.abandon();
  EXPECT_EQ(taken(unbegun).rfind("HTTP/1.1 500 ", 0), 0U);
  Writer open({}, 1000, nullptr);
  open.begin(200, {});
  open.abandon();
  std::string bytes;
  EXPECT_EQ(open.take(bytes), Writer::Next::drop);
}

}  // namespace
}  // namespace llorch
