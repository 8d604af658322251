// Names, URLs, settings and JSON of relays. The sinks are tested against their real servers in
// tests/e2e/test_relays.py.
#include "relay/relay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <thread>

#include "feed/feed.h"
#include "relay/event_json.h"
#include "relay/name_template.h"
#include "relay/settings.h"
#include "relay/target_url.h"
#include "relay/webhook_signature.h"
#include "store/append_and_wait.h"
#include "store/memory/memory_store.h"

namespace thalo::relay {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

model::Event event(std::string stream, std::string type = "Incremented") {
  return {.global_position = 41,
          .position = 3,
          .time_ms = 1767225600123,
          .stream = std::move(stream),
          .type = std::move(type),
          .data = R"({"amount": 1})",
          .metadata = {}};
}

std::string name_of(std::string_view text, NameAlphabet alphabet, const model::Event& of) {
  auto parsed = NameTemplate::parse(text, alphabet);
  if (!parsed) return parsed.error().message;
  std::string out = "what was there before";
  parsed->name_of(of.view(), out);
  return out;
}

TEST(NameTemplate, PutsThePartsOfAnEventInPlaceOfThePlaceholders) {
  EXPECT_EQ(name_of("{category}_events", NameAlphabet::any, event("counter-a-b")), "counter_events");
  EXPECT_EQ(name_of("x{id}/{stream}/{type}", NameAlphabet::any, event("counter-a-b")), "xa-b/counter-a-b/Incremented");
  EXPECT_EQ(name_of("all", NameAlphabet::any, event("counter-a-b")), "all");
}

TEST(NameTemplate, ValuesAreMadeToFitTheTargetAndStayDifferent) {
  EXPECT_EQ(name_of("e.{category}.{id}", NameAlphabet::nats_subject, event("a:command-x.y *>%")),
            "e.a:command.x%2Ey%20%2A%3E%25");
  EXPECT_EQ(name_of("{category}", NameAlphabet::kafka_topic, event("a:command-1")), "a_command");
  EXPECT_EQ(name_of("/{stream}", NameAlphabet::uri_reference, event("a-\xC3\xA4/")), "/a-%C3%A4%2F");
}

TEST(NameTemplate, RefusesWhatItDoesNotUnderstandAndSaysWhat) {
  const auto refusal = [](std::string_view text, NameAlphabet alphabet = NameAlphabet::any) {
    auto parsed = NameTemplate::parse(text, alphabet);
    return parsed ? std::string("accepted") : parsed.error().message;
  };
  EXPECT_THAT(refusal(""), HasSubstr("empty"));
  EXPECT_THAT(refusal("{categroy}_events"), AllOf(HasSubstr("{categroy}"), HasSubstr("{category}")));
  EXPECT_THAT(refusal("{category"), HasSubstr("without its partner"));
  EXPECT_THAT(refusal("category}"), HasSubstr("without its partner"));
  EXPECT_THAT(refusal("a b.{category}", NameAlphabet::nats_subject), HasSubstr("' '"));
  EXPECT_THAT(refusal("a/{category}", NameAlphabet::kafka_topic), HasSubstr("'/'"));
}

TEST(TargetUrl, IsReadInItsParts) {
  auto url = TargetUrl::parse("redis://me:p%40ss@[::1]:7000/3", {"redis"}, 6379);
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->user, "me");
  EXPECT_EQ(url->password, "p@ss");
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->port, 7000);
  EXPECT_EQ(url->path, "/3");
  EXPECT_EQ(TargetUrl::parse("redis://host", {"redis"}, 6379)->port, 6379);
}

TEST(TargetUrl, RefusesWhatIsNoneAndNeverShowsThePassword) {
  for (const char* text : {"localhost:6379", "http://u:secret@host", "redis://u:secret@host:0", "redis://u:secret@",
                           "redis://u:secret@host:", "redis://u:secret@[::1", "redis://u:secret@host:70000",
                           "redis://u:sec/ret@host", "redis://u:secret%zz@host", "redis://u:secret@ho st"}) {
    auto url = TargetUrl::parse(text, {"redis"}, 6379);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, base::Code::invalid_argument);
    EXPECT_THAT(url.error().message, AllOf(Not(HasSubstr("secret")), Not(HasSubstr("ret@")))) << text;
  }
  EXPECT_EQ(without_credentials("nats://u:secret@host:4222"), "nats://***@host:4222");
  EXPECT_EQ(without_credentials("http://host/path"), "http://host/path");
}

TEST(EventJson, MessageHasTheMembersOfThalo08) {
  std::string out;
  append_message_json(out, event("counter-\xC3\xA4\"").view());
  EXPECT_EQ(out,
            "{\"id\":41,\"global_id\":41,\"position\":3,\"stream_name\":\"counter-\xC3\xA4\\\"\",\"msg_type\":"
            "\"Incremented\",\"data\":{\"amount\": 1},\"time\":1767225600123}");
}

TEST(EventJson, CloudEventHasTheRequiredAttributes) {
  std::string out;
  append_cloud_event_json(out, event("counter-1").view(), "the-id", "/counter");
  EXPECT_EQ(out, R"({"specversion":"1.0","id":"the-id","source":"/counter","type":"Incremented","subject":"counter-1",)"
                 R"("time":"2026-01-01T00:00:00.123Z","datacontenttype":"application/json","globalposition":"41",)"
                 R"("streamposition":"3","data":{"amount": 1}})");
}

TEST(WebhookSignature, IsThatOfTheSpecificationsExample) {
  auto key = webhook_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(key->size(), 24u);
  EXPECT_EQ(webhook_signature(*key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, R"({"test": 2432232314})"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(WebhookSignature, SecretsThatProtectNothingAreRefused) {
  EXPECT_EQ(webhook_key("sixteen bytes or more\r\n").value(), "sixteen bytes or more");
  EXPECT_EQ(webhook_key("whsec_MDEyMzQ1Njc4OWFiY2RlZg==").value(), "0123456789abcdef");
  for (const char* text : {"", "\n", "short", "whsec_", "whsec_****************************", "whsec_QQ==", "whsec_QQ"})
    EXPECT_FALSE(webhook_key(text)) << text;
}

Settings redis_settings() {
  Settings settings;
  settings.name = "r";
  settings.kind = built_kinds().empty() ? "redis" : std::string(built_kinds().front());
  settings.url = settings.kind + "://localhost";
  return settings;
}

TEST(Settings, EveryBadFieldIsNamedWithItsRelay) {
  ASSERT_FALSE(built_kinds().empty());
  ASSERT_TRUE(check_settings(redis_settings()));
  const auto refusal = [](auto change) {
    Settings settings = redis_settings();
    change(settings);
    auto checked = check_settings(settings);
    return checked ? std::string("accepted") : checked.error().message;
  };
  EXPECT_THAT(refusal([](Settings& s) { s.name = "a b"; }), HasSubstr("relay 'a b': name"));
  EXPECT_THAT(refusal([](Settings& s) { s.kind = "rediss"; }), AllOf(HasSubstr("'r': kind"), HasSubstr("'rediss'")));
  EXPECT_THAT(refusal([](Settings& s) { s.url = ""; }), HasSubstr("'r': url"));
  EXPECT_THAT(refusal([](Settings& s) { s.url = "ftp://x"; }), HasSubstr("'r': url"));
  EXPECT_THAT(refusal([](Settings& s) { s.name_template = "{x}"; }), HasSubstr("'r': template"));
  EXPECT_THAT(refusal([](Settings& s) { s.categories = {"a-b"}; }), HasSubstr("'r': categories"));
  EXPECT_THAT(refusal([](Settings& s) { s.streams = {"counter"}; }), HasSubstr("'r': streams"));
  EXPECT_THAT(refusal([](Settings& s) { s.types = {""}; }), HasSubstr("'r': types"));
  EXPECT_THAT(refusal([](Settings& s) { s.batch_events_max = 0; }), HasSubstr("'r': batch-events"));
  EXPECT_THAT(refusal([](Settings& s) { s.batch_bytes_max = 0; }), HasSubstr("'r': batch-bytes"));
  EXPECT_THAT(refusal([](Settings& s) { s.timeout = std::chrono::milliseconds(0); }), HasSubstr("'r': timeout-ms"));
  EXPECT_THAT(refusal([](Settings& s) { s.retry_max = std::chrono::milliseconds(0); }), HasSubstr("'r': retry-max-ms"));
}

TEST(Settings, TwoRelaysOfOneNameAreRefused) {
  auto checked = check_settings(std::vector{redis_settings(), redis_settings()});
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message, HasSubstr("another relay has this name"));
}

TEST(Settings, TooManyRelaysAreRefused) {
  auto checked = check_settings(std::vector<Settings>(relays_max + 1, redis_settings()));
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message, HasSubstr("at most 64"));
}

// Whose only event cannot be read until it is mended.
class DamagedStore final : public store::MemoryStore {
 public:
  DamagedStore() {
    store::Append append{.stream = "x-1"};
    append.events.push_back({"A", "{}", ""});
    EXPECT_TRUE(store::append_and_wait(*this, std::move(append)));
  }
  base::Result<store::AllResult> read_all(const store::AllQuery& query, store::EventVisitor visit) override {
    ++reads;
    reads.notify_all();
    if (damaged)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the relay has joined; else this proves less
    if (damaged) return base::fail(base::Code::data_loss, "the event at 0 is damaged");
    return MemoryStore::read_all(query, visit);
  }
  std::atomic<bool> damaged = true;
  std::atomic<int> reads = 0;
};

class TakesAll final : public Sink {
 public:
  Outcome deliver(std::span<const model::EventView> events, const Deadline&) override {
    return {.confirmed = events.size()};
  }
};

class RelayTest : public testing::Test {
 protected:
  ~RelayTest() override {
    relay_.reset();
    feed_->stop();
  }
  void start(const feed::FeedOptions& options = {}) {
    feed_ = *feed::Feed::start(store_, clock_, options);
    Settings settings;
    settings.name = "r";
    settings.retry_max = std::chrono::milliseconds(100);
    relay_ = std::make_unique<Relay>(settings, std::make_unique<TakesAll>(), *feed_, clock_);
  }
  void wait_for_reads(int count) {
    for (int reads = store_.reads; reads < count; reads = store_.reads) store_.reads.wait(reads);
  }
  Health wait_until_it_runs() {
    const auto end = clock_.steady_now() + std::chrono::seconds(60);
    while (relay_->health().state != State::running && clock_.steady_now() < end) std::this_thread::yield();
    return relay_->health();
  }

  env::SystemClock clock_;
  DamagedStore store_;
  std::unique_ptr<feed::Feed> feed_;
  std::unique_ptr<Relay> relay_;
};

TEST_F(RelayTest, WhatStopsItAgainAndAgainCountsUpUntilSomethingIsDelivered) {
  start();
  wait_for_reads(5);
  const Health stopped = relay_->health();
  EXPECT_EQ(stopped.state, State::stopped) << "and it did not run in between";
  EXPECT_GE(stopped.failures, 4U);
  EXPECT_THAT(stopped.error, HasSubstr("damaged"));
  store_.damaged = false;
  const Health mended = wait_until_it_runs();
  EXPECT_EQ(mended.state, State::running);
  EXPECT_EQ(mended.failures, 0U);
  EXPECT_EQ(mended.delivered, 1U);
}

TEST_F(RelayTest, OneThatWasStoppedAndHasNothingToDeliverRunsAgain) {
  start({.heartbeat = std::chrono::milliseconds(20)});
  wait_for_reads(2);
  std::promise<base::Result<>> reset;
  feed_->reset("$relay.r", {.at_head = true}, [&](base::Result<> done) { reset.set_value(std::move(done)); });
  EXPECT_TRUE(reset.get_future().get());
  EXPECT_EQ(wait_until_it_runs().state, State::running);
  EXPECT_EQ(relay_->health().delivered, 0U);
}

}  // namespace
}  // namespace thalo::relay
