#include <memory>

#include "base/json.h"
#include "guests/guests.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/targets.h"
#include "wasm/wasmtime_engine.h"

namespace thalo::fuzz {

namespace {

using namespace wasm;

// Where the guest puts the input; what it answers is there.
constexpr std::uint32_t answer_address = 0x1f0000;
constexpr std::size_t answer_bytes_max = 0x8000;

// The payload of the command is the input, each byte as two of the letters a to p.
constexpr const char* handle_part = R"(
      (local.set $n (i32.const 0x1f0000))
      (local.set $end (i32.add (local.get $data) (local.get $data-size)))
      (block $copied (loop $more
        (br_if $copied (i32.ge_u (local.get $data) (local.get $end)))
        (i32.store8 (local.get $n) (i32.or
          (i32.shl (i32.sub (i32.load8_u (local.get $data)) (i32.const 97)) (i32.const 4))
          (i32.sub (i32.load8_u offset=1 (local.get $data)) (i32.const 97))))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (local.set $data (i32.add (local.get $data) (i32.const 2)))
        (br $more)))
      (return (i32.const 0x1f0000)))";

Engine& engine() {
  static const std::unique_ptr<Engine> instance = make_wasmtime_engine({}).value();
  return *instance;
}

Limits limits() {
  Limits limits;
  limits.events_per_command = 100;
  limits.event_size_bytes = 10'000;
  return limits;
}

std::string letters(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    text += static_cast<char>('a' + (static_cast<unsigned char>(byte) >> 4));
    text += static_cast<char>('a' + (static_cast<unsigned char>(byte) & 15));
  }
  return text;
}

void check_outcome(const HandleOutcome& outcome) {
  if (const auto* rejection = std::get_if<model::Rejection>(&outcome))
    return check(base::check_json(rejection->error).has_value(), "a rejection is JSON");
  const auto& events = std::get<std::vector<model::NewEvent>>(outcome);
  check(events.size() <= limits().events_per_command, "no more events than allowed");
  for (const auto& event : events) {
    check(model::check_event_type(event.type).has_value(), "an event has a legal type");
    check(base::check_json(event.data).has_value(), "an event's data is JSON");
    check(event.type.size() + event.data.size() <= limits().event_size_bytes, "no event is larger than allowed");
  }
}

class Host {
 public:
  void ask(std::string_view answer, Reached& reached) {
    if (instance_ == nullptr || instance_->broken() || instance_->worn_out()) start();
    const model::Command command{.stream = stream_, .name = "answer", .payload = letters(answer)};
    const auto outcome = instance_->handle(entity_, command, 0);
    ++(outcome ? reached.accepted : reached.rejections);
    if (outcome) return check_outcome(*outcome);
    check(!outcome.error().message.empty(), "an error says what is wrong");
  }

 private:
  void start() {
    instance_ = module_->instantiate(limits()).value();
    entity_ = instance_->create(stream_).value();
  }
  const std::shared_ptr<const Module> module_ =
      engine().load("counter", guests::make({.parts = {{"handle", handle_part}}})).value();
  const model::StreamName stream_ = model::StreamName::make("counter", "1").value();
  std::unique_ptr<Instance> instance_;
  EntityHandle entity_;
};

void put(std::string& bytes, std::uint32_t number) {
  for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(number >> shift);
}

// The answer's head; texts follow at offset 64.
std::string answer(char kind, const std::vector<std::uint32_t>& numbers, std::string_view texts) {
  std::string bytes(4, '\0');
  bytes[0] = kind;
  for (const std::uint32_t number : numbers) put(bytes, number);
  bytes.resize(64);
  return bytes += texts;
}

}  // namespace

void guest_answer(std::string_view input, Reached& reached) {
  static Host host;
  host.ask(input.substr(0, answer_bytes_max), reached);
}

std::vector<std::string> guest_answer_seeds() {
  constexpr std::uint32_t list = answer_address + 16;
  constexpr std::uint32_t texts = answer_address + 64;
  return {// Events: their list, its length, and each event's type and data.
          answer(0, {list, 1, 0, texts, 2, texts + 2, 7}, R"(Ev{"a":1})"),
          answer(0, {list, 2, 0, texts, 2, texts + 2, 7, texts, 2, texts + 2, 7}, R"(Ev{"a":1})"),
          answer(0, {list, 0}, ""),
          // Errors: which, and their one or two texts.
          answer(1, {0, texts, 2, texts + 2, 7}, R"(No{"a":1})"), answer(1, {0, texts, 2, texts, 2}, "No"),
          answer(1, {1, texts, 2, texts, 2}, "No"), answer(1, {5, texts, 2}, "No")};
}

void component(std::string_view input, Reached& reached) {
  const auto module = engine().load("fuzz", input);
  ++(module ? reached.accepted : reached.rejections);
  if (!module) check(!module.error().message.empty(), "a refusal says why");
  if (module) check((*module)->name() == "fuzz", "a module has its name");
}

std::vector<std::string> component_seeds() { return {guests::counter(), guests::counter_v0_8()}; }

}  // namespace thalo::fuzz
