#include <gtest/gtest.h>

#include "guests/guests.h"
#include "wasm/wasmtime_engine.h"

namespace thalo::wasm {
namespace {

TEST(Wasm, a_counter_handles_a_command_and_a_trap_is_named) {
  auto engine = make_wasmtime_engine({}).value();
  auto module = engine->load("counter", guests::counter());
  ASSERT_TRUE(module) << module.error().message;
  auto instance = (*module)->instantiate({});
  ASSERT_TRUE(instance) << instance.error().message;
  auto stream = model::StreamName::make("counter", "a").value();
  auto entity = (*instance)->create(stream);
  ASSERT_TRUE(entity) << entity.error().message;
  model::Command command{stream, "increment", R"({"amount":10})", "", "", "", ""};
  auto outcome = (*instance)->handle(*entity, command, 0);
  ASSERT_TRUE(outcome) << outcome.error().message;
  {
    command.name = "trap";
    outcome = (*instance)->handle(*entity, command, 0);
    EXPECT_FALSE(outcome);
    EXPECT_TRUE((*instance)->broken());
  }
}

}  // namespace
}  // namespace thalo::wasm
