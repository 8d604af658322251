#include "build/componentize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace thalo::build {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A core module that has every export of the contract, with `extra` imports and functions in front.
std::string aggregate_module(const std::string& imports, const std::string& functions = "") {
  return "(module " + imports + R"(
    (memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
    (func (export "thalo:aggregate/aggregate@1.0.0#snapshot-format") (result i32) unreachable)
    (func (export "thalo:aggregate/aggregate@1.0.0#[constructor]entity") (param i32 i32) (result i32) unreachable)
    (func (export "thalo:aggregate/aggregate@1.0.0#[method]entity.apply") (param i32 i32 i32) (result i32) unreachable)
    (func (export "thalo:aggregate/aggregate@1.0.0#[method]entity.handle")
      (param i32 i32 i32 i32 i32 i32 i32 i64 i64 i32 i32 i32 i32 i32 i32) (result i32) unreachable)
    (func (export "thalo:aggregate/aggregate@1.0.0#[method]entity.snapshot") (param i32) (result i32) unreachable)
    (func (export "thalo:aggregate/aggregate@1.0.0#[method]entity.restore") (param i32 i32 i32) (result i32) unreachable)
  )" + functions +
         ")";
}

std::string wasi(const std::string& name, const std::string& type) {
  return R"((import "wasi_snapshot_preview1" ")" + name + "\" (func $" + name + " " + type + "))\n";
}

TEST(Componentize, AModuleWithoutImportsBecomesAComponentWithoutImports) {
  const auto component = componentize(aggregate_module(""));
  ASSERT_TRUE(component) << component.error().message;
  const auto interfaces = interfaces_of(*component);
  ASSERT_TRUE(interfaces) << interfaces.error().message;
  EXPECT_THAT(interfaces->imports, IsEmpty());
  EXPECT_THAT(interfaces->exports, ElementsAre("thalo:aggregate/aggregate@1.0.0"));
  EXPECT_TRUE(check_aggregate(*component));
}

TEST(Componentize, EveryFunctionOfPreview1IsAnsweredByTheAdapter) {
  const std::string code = "(result i32)";
  std::string imports;
  for (const auto* name : {"args_get", "args_sizes_get", "environ_get", "environ_sizes_get", "clock_res_get",
                           "fd_fdstat_get", "fd_fdstat_set_flags", "fd_filestat_get", "fd_prestat_get", "fd_renumber",
                           "fd_tell", "random_get", "sock_shutdown"}) {
    imports += wasi(name, "(param i32 i32)" + code);
  }
  for (const auto* name : {"fd_close", "fd_datasync", "fd_sync", "proc_raise"})
    imports += wasi(name, "(param i32)" + code);
  for (const auto* name :
       {"fd_prestat_dir_name", "path_create_directory", "path_remove_directory", "path_unlink_file", "sock_accept"}) {
    imports += wasi(name, "(param i32 i32 i32)" + code);
  }
  for (const auto* name : {"fd_read", "fd_write", "poll_oneoff"})
    imports += wasi(name, "(param i32 i32 i32 i32)" + code);
  for (const auto* name : {"path_filestat_get", "path_symlink", "sock_send"})
    imports += wasi(name, "(param i32 i32 i32 i32 i32)" + code);
  for (const auto* name : {"path_readlink", "path_rename", "sock_recv"})
    imports += wasi(name, "(param i32 i32 i32 i32 i32 i32)" + code);
  for (const auto* name : {"fd_allocate", "fd_fdstat_set_rights"}) imports += wasi(name, "(param i32 i64 i64)" + code);
  for (const auto* name : {"fd_pread", "fd_pwrite", "fd_readdir"})
    imports += wasi(name, "(param i32 i32 i32 i64 i32)" + code);
  imports += wasi("clock_time_get", "(param i32 i64 i32)" + code);
  imports += wasi("fd_advise", "(param i32 i64 i64 i32)" + code);
  imports += wasi("fd_filestat_set_size", "(param i32 i64)" + code);
  imports += wasi("fd_filestat_set_times", "(param i32 i64 i64 i32)" + code);
  imports += wasi("fd_seek", "(param i32 i64 i32 i32)" + code);
  imports += wasi("path_filestat_set_times", "(param i32 i32 i32 i32 i64 i64 i32)" + code);
  imports += wasi("path_link", "(param i32 i32 i32 i32 i32 i32 i32)" + code);
  imports += wasi("path_open", "(param i32 i32 i32 i32 i32 i64 i64 i32 i32)" + code);
  imports += wasi("proc_exit", "(param i32)");
  imports += wasi("sched_yield", code);

  const auto component = componentize(aggregate_module(imports));
  ASSERT_TRUE(component) << component.error().message;
  EXPECT_TRUE(check_aggregate(*component)) << check_aggregate(*component).error().message;
  // fd_write reaches the log, and nothing else is imported.
  EXPECT_THAT(interfaces_of(*component)->imports, ElementsAre("thalo:aggregate/log@1.0.0"));
}

TEST(Componentize, SaysWhichExportIsMissing) {
  const auto component = componentize("(module (memory (export \"memory\") 1))");
  ASSERT_FALSE(component);
  EXPECT_EQ(component.error().code, base::Code::invalid_argument);
  EXPECT_THAT(component.error().message, HasSubstr("thalo:aggregate/aggregate@1.0.0"));
}

TEST(Componentize, SaysWhichImportIsUnknown) {
  const auto component = componentize(aggregate_module(R"((import "env" "gethostname" (func (param i32))))"));
  ASSERT_FALSE(component);
  EXPECT_THAT(component.error().message, HasSubstr("env"));
}

TEST(CheckAggregate, RefusesAnImportFromOutside) {
  const std::string contract = "(instance $i) (export \"thalo:aggregate/aggregate@1.0.0\" (instance $i))";
  EXPECT_TRUE(check_aggregate("(component " + contract + ")"));
  EXPECT_TRUE(check_aggregate("(component (import \"thalo:aggregate/log@1.0.0\" (instance)) " + contract + ")"));
  const auto checked = check_aggregate("(component (import \"wasi:cli/stdout@0.2.0\" (instance)) " + contract + ")");
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, base::Code::failed_precondition);
  EXPECT_THAT(checked.error().message, HasSubstr("wasi:cli/stdout@0.2.0"));
}

TEST(CheckAggregate, RefusesAComponentOfAnotherWorldAndListsWhatItExports) {
  const auto checked = check_aggregate("(component (instance $i) (export \"wasi:cli/run@0.2.0\" (instance $i)))");
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message,
              HasSubstr("does not export thalo:aggregate/aggregate@1.0.0; it exports wasi:cli/run@0.2.0"));
}

TEST(Componentize, RefusesBytesThatAreNoModule) {
  EXPECT_THAT(componentize(std::string("\0asm\x01", 5)).error().message, HasSubstr("the module"));
  EXPECT_THAT(componentize("").error().message, HasSubstr("the module"));
  EXPECT_EQ(interfaces_of("junk").error().code, base::Code::invalid_argument);
}

}  // namespace
}  // namespace thalo::build
