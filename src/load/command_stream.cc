#include "load/command_stream.h"

#include "load/wire.h"

namespace thalo::load {

namespace {

// The fields of proto/thalo/v1/commands.proto.
enum AnswerField : unsigned { answer_tag = 1, answer_response, answer_failure };
enum FailureField : unsigned { failure_code = 1, failure_message };
constexpr unsigned response_answers = 1;

}  // namespace

class CommandStream::Slot final : public Caller {
 public:
  Slot(CommandStream& stream, std::uint64_t tag) : stream_(stream), tag_(tag) {}

  void begin() override {
    waits = true;
    stream_.add(tag_);
  }
  bool lost() const override { return stream_.ended_; }

  bool waits = false;
  std::string name;  // of the entity's stream

 private:
  CommandStream& stream_;
  const std::uint64_t tag_;
};

CommandStream::CommandStream(const Settings& settings, Requests& requests, net::ClientConnection& connection,
                             Driver& driver)
    : settings_(settings), requests_(requests), connection_(connection), driver_(driver) {
  connection_.open(*this, execute_stream_path);
}

CommandStream::~CommandStream() = default;

Caller* CommandStream::add_caller() { return slots_.emplace_back(std::make_unique<Slot>(*this, slots_.size())).get(); }

void CommandStream::add(std::uint64_t tag) {
  const std::uint64_t entity = requests_.next_entity();
  requests_.stream_of(entity, slots_[tag]->name);
  requests_.append_command(batch_, tag, entity);
  if (++batched_ == settings_.batch) send_batch();
}

void CommandStream::send_batch() {
  connection_.send(*this, batch_);
  batch_.clear();
  batched_ = 0;
}

void CommandStream::flush() {
  if (batched_ > 0) send_batch();
}

void CommandStream::on_message(std::string_view message) {
  FieldReader fields(message);
  while (fields.next()) {
    if (fields.number() == response_answers) on_answer(fields.text());
  }
}

void CommandStream::on_answer(std::string_view answer) {
  std::uint64_t tag = 0;  // absent: 0
  std::string_view response;
  std::string_view failure;
  bool failed = false;
  FieldReader fields(answer);
  while (fields.next()) {
    if (fields.number() == answer_tag) tag = fields.value();
    if (fields.number() == answer_response) response = fields.text();
    if (fields.number() == answer_failure) {
      failure = fields.text();
      failed = true;
    }
  }
  // Nobody is found to whom a wrong tag belongs; whoever waits for it is counted as unanswered at the end.
  if (fields.broken() || tag >= slots_.size() || !slots_[tag]->waits) return;
  Slot& slot = *slots_[tag];
  slot.waits = false;
  if (!failed) return driver_.finished(slot, check_response(response, slot.name));
  std::uint32_t code = 0;
  std::string_view reason;
  FieldReader failure_fields(failure);
  while (failure_fields.next()) {
    if (failure_fields.number() == failure_code) code = static_cast<std::uint32_t>(failure_fields.value());
    if (failure_fields.number() == failure_message) reason = failure_fields.text();
  }
  std::string text;
  driver_.finished(slot, check_failure(code, reason, text));
}

void CommandStream::on_end(const net::Status& status) {
  ended_ = true;
  for (const auto& slot : slots_) {
    if (!std::exchange(slot->waits, false)) continue;
    std::string text = "the stream of commands ended early: ";
    std::string reason;
    check_failure(status.code, status.message, reason);
    text += reason;
    driver_.finished(*slot, {.outcome = Outcome::unknown, .error = text});
  }
}

}  // namespace thalo::load
