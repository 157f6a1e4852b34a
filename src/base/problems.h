// SPDX-License-Identifier: Apache-2.0
// What a model needs and a reader or writer lacks: one run lists all of it.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "saccade/error.h"

namespace saccade {

/// One thing that is not supported, and where.
struct Problem {
  std::string subject;  // the operator or feature
  std::string reason;   // what is wrong and what can be done
  std::size_t nodes = 0;
  std::vector<std::string> first_nodes;  // the first of their names
};

/// Error(unsupported) that knows its problems one by one.
class UnsupportedError : public Error {
 public:
  UnsupportedError(std::string message, std::vector<std::string> context, std::vector<Problem> problems)
      : Error(ErrorCode::unsupported, std::move(message), std::move(context)), problems_(std::move(problems)) {}
  const std::vector<Problem>& problems() const noexcept { return problems_; }

 private:
  std::vector<Problem> problems_;
};

/// The unsupported parts of a model, without repetition.
class Problems {
 public:
  /// `subject` is the operator or feature, `reason` what is wrong and what can be done, `node` where.
  void add(std::string subject, std::string reason, std::string node);
  bool empty() const { return found_.empty(); }
  std::size_t size() const { return found_.size(); }
  /// All of them, sorted by subject and reason.
  std::vector<Problem> list() const;
  /// "A: reason (2 nodes: 'x', 'y'); B: …"
  std::string text() const;
  /// Throws UnsupportedError with text().
  void throw_if_any() const;

 private:
  struct Nodes {
    std::unordered_set<std::string> names;
    std::vector<std::string> first;
  };
  std::map<std::pair<std::string, std::string>, Nodes> found_;
};

}  // namespace saccade
