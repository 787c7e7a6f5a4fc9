// Text that remembers, for each byte, who wrote it: the template or a user.
//
// Every string of a template is one, so that marks survive concatenation, slicing, replacement and
// case changes, and in the end special tokens are looked for only in what the template wrote.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace paretune::chat {

class MarkedText {
 public:
  struct Run {
    std::size_t end;  // the run's bytes are [the end of the run before, end)
    bool from_template;
  };

  MarkedText() = default;
  MarkedText(std::string text, bool from_template);

  std::string_view bytes() const { return bytes_; }
  std::size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  const std::vector<Run>& runs() const { return runs_; }  // neighbours differ in origin

  void append(std::string_view text, bool from_template);
  void append(const MarkedText& text) { append(text, 0, text.size()); }
  void append(const MarkedText& text, std::size_t begin, std::size_t end);
  MarkedText substr(std::size_t begin, std::size_t end) const;

  // The run that holds the byte at offset, which is below size().
  const Run& run_at(std::size_t offset) const;

  // change(run's text) -> std::string, for each run.
  template <class Change>
  MarkedText map_runs(const Change& change) const {
    MarkedText changed;
    std::size_t begin = 0;
    for (const Run& run : runs_) {
      changed.append(change(bytes().substr(begin, run.end - begin)), run.from_template);
      begin = run.end;
    }
    return changed;
  }

 private:
  std::string bytes_;
  std::vector<Run> runs_;
};

}  // namespace paretune::chat
