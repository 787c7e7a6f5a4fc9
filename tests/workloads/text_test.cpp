#include "workloads/text.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/workloads/expect_error.h"

namespace paretune {
namespace {

using Documents = std::vector<Document>;

TEST(Text, SplitsAtBlankLines) {
  EXPECT_EQ(parse_text("one\r\nline\n\n\n two \n \t\nthree", "a.txt"),
            (Documents{{"", "one\nline"}, {"", "two"}, {"", "three"}}));
}

TEST(Text, SplitsAtMarkersOnlyWhereThereAreAny) {
  EXPECT_EQ(parse_text("\xef\xbb\xbfone\n\nmore\n<|endoftext|>\ntwo\n<|endoftext|>\n", "a.txt"),
            (Documents{{"", "one\n\nmore"}, {"", "two"}}));
}

TEST(Text, OfQuestionsIsAnExchange) {
  EXPECT_EQ(parse_text("{\"prompt\": \"p\", \"answer\": \"a\"}", "a.jsonl"),
            (Documents{{"p", "a"}}));
}

TEST(Text, FilesAreReadOrRefusedByName) {
  EXPECT_EQ(load_text("workloads/demo/evals/story.jsonl").size(), 200u);
  expect_error([] { load_text("no.txt"); }, {"no.txt: cannot be read"});
  expect_error([] { parse_text("{}", "a.jsonl"); }, {"a.jsonl:1: $.prompt: found nothing"});
}

TEST(Text, ShuffleIsASeededPermutation) {
  const Documents all = load_text("workloads/demo/evals/story.jsonl");
  const QualitySpec quality{.text = {{.file = "workloads/demo/evals/story.jsonl"}}};
  Documents mixed = load_text(quality, 1);
  EXPECT_EQ(mixed, shuffle(all, 1));
  EXPECT_NE(mixed, shuffle(all, 2));
  EXPECT_NE(mixed, all);
  EXPECT_TRUE(std::is_permutation(mixed.begin(), mixed.end(), all.begin()));
}

TEST(Text, SharedTextIsRead) {
  const std::filesystem::path stories = "../shared/text/tinystories-1000/tinystories_dev_0-499.txt";
  if (!std::filesystem::exists(stories))
    GTEST_SKIP() << "skipped: " << stories.string() << " is not here";
  EXPECT_EQ(load_text(stories).size(), 500u);
}

}  // namespace
}  // namespace paretune
