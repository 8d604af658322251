// What a shell completes and what the manual says is what the declaration of the program says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

#include "help/completion.h"
#include "help/man_page.h"

namespace thalo::help {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class HelpTest : public ::testing::Test {
 protected:
  HelpTest() {
    app_.set_version_flag("--version", "1");
    app_.footer("Ends with 0 — or\nnot.");
    CLI::App* cook = app_.add_subcommand("cook", "Cook 'it'");
    cook->add_option("dish", dish_, "What to cook")->required();
    cook->add_option("-o,--output", output_, "Where it goes")->envname("KITCHEN_OUTPUT")->capture_default_str();
    cook->add_option("--heat", heat_, "How hot")->check(CLI::IsMember(std::vector<std::string>{"low", "high"}));
    cook->add_flag("--fast", fast_, "No: rush [at all]");
    cook->add_flag("--secret", fast_, "hidden")->group("");
    cook->footer(".dot first\n\\back");
    app_.add_subcommand("poison", "hidden")->group("");
  }

  std::string dish_;
  std::string output_ = "table";
  std::string heat_;
  bool fast_ = false;
  CLI::App app_{"kitchen: cooks, and more.", "kitchen"};
};

TEST_F(HelpTest, EverythingShownIsDescribedAndNothingHidden) {
  const Command kitchen = describe(app_);
  ASSERT_EQ(kitchen.commands.size(), 1U);
  const Command& cook = kitchen.commands[0];
  EXPECT_EQ(cook.description, "Cook 'it'");
  ASSERT_EQ(cook.arguments.size(), 1U);
  EXPECT_EQ(cook.arguments[0].name, "dish");
  EXPECT_TRUE(cook.arguments[0].required);
  ASSERT_EQ(cook.flags.size(), 4U) << "--help is one of them";
  EXPECT_THAT(cook.flags[1].names, ElementsAre("-o", "--output"));
  EXPECT_EQ(cook.flags[1].value, "TEXT");
  EXPECT_EQ(cook.flags[1].default_value, "table");
  EXPECT_EQ(cook.flags[1].environment, "KITCHEN_OUTPUT");
  EXPECT_THAT(cook.flags[2].choices, ElementsAre("low", "high"));
  EXPECT_EQ(cook.flags[2].value, "TEXT");
  EXPECT_EQ(cook.flags[3].value, "");
}

TEST_F(HelpTest, TheManualHasItAllAndEscapesWhatRoffWouldRead) {
  const std::string page = man_page(describe(app_), "1.2");
  EXPECT_THAT(page, AllOf(HasSubstr(".TH KITCHEN 1 \"\" \"Thalo 1.2\"\n"), HasSubstr("kitchen \\- cooks, and more\n"),
                          HasSubstr(".SS \\fBkitchen cook\\fR [\\fIFLAGS\\fR] \\fIdish\\fR\n"),
                          HasSubstr("\\fB\\-o\\fR, \\fB\\-\\-output\\fR \\fITEXT\\fR\n"), HasSubstr("[default: table]"),
                          HasSubstr("KITCHEN_OUTPUT"), HasSubstr("low, high")));
  EXPECT_THAT(page, AllOf(HasSubstr("\\&.dot first\n.br\n\\(rsback"), HasSubstr("\\[u2014]"), Not(HasSubstr("—"))));
  EXPECT_THAT(page, AllOf(Not(HasSubstr("secret")), Not(HasSubstr("poison"))));
}

TEST_F(HelpTest, EveryShellKnowsTheCommandsAndTheirFlags) {
  const Command kitchen = describe(app_);
  EXPECT_THAT(bash_completion(kitchen),
              AllOf(HasSubstr("--output"), HasSubstr("complete -o default -F _kitchen kitchen")));
  EXPECT_THAT(zsh_completion(kitchen), AllOf(HasSubstr("#compdef kitchen\n"), HasSubstr("'cook:Cook '\\''it'\\'''"),
                                             HasSubstr("--fast[No\\: rush \\[at all\\]]")));
  EXPECT_THAT(fish_completion(kitchen), AllOf(HasSubstr("-s o -l output -r -F"), HasSubstr("-x -a 'low high'")));
  for (const auto& script : {bash_completion(kitchen), zsh_completion(kitchen), fish_completion(kitchen)})
    EXPECT_THAT(script, AllOf(Not(HasSubstr("secret")), Not(HasSubstr("poison"))));
}

}  // namespace
}  // namespace thalo::help
