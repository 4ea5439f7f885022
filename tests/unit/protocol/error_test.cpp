#include "tinkerbell/protocol/error.hpp"

#include <gtest/gtest.h>

namespace tinkerbell::protocol {
namespace {

TEST(ErrorView, CarriesEveryCodeThereAndBack) {
  for (std::size_t i = 0; i < kNames<Errc>.size(); ++i) {
    const Error error{static_cast<Errc>(i), "read a.txt: no"};
    const int status = status_for(error.code);
    EXPECT_TRUE(status >= 400 && status < 600) << kNames<Errc>[i];
    const std::string body = dump_json(to_json_value(ErrorView{body_of(error)}));
    EXPECT_EQ(error_from(status, body), error);
  }
}

TEST(ErrorView, HasTheShapeThatTheDocumentationPromises) {
  const Json json = to_json_value(ErrorView{body_of({Errc::not_found, "no task 12"})});
  EXPECT_EQ(dump_json(json), R"({"error":{"code":"not_found","message":"no task 12"}})");
  EXPECT_EQ(status_for(Errc::not_found), 404);
  EXPECT_EQ(status_for(Errc::conflict), 409);
}

TEST(ErrorView, F60_KeepsTheMessageOfACodeThatItDoesNotKnow) {
  const Error error = error_from(418, R"({"error":{"code":"teapot","message":"short and stout"}})");
  EXPECT_EQ(error, (Error{Errc::internal, "short and stout"}));
}

TEST(ErrorView, F60_WhatIsNoErrorViewIsABrokenProtocol) {
  for (const char* body : {"", "<html>", "[]", "{}", R"({"error":"x"})", R"({"error":{}})"}) {
    EXPECT_EQ(error_from(404, body).code, Errc::protocol) << body;
  }
}

}  // namespace
}  // namespace tinkerbell::protocol
