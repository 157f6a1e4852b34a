// SPDX-License-Identifier: Apache-2.0
// While as Loop, If and Case as If. Bodies become closed graphs: fixed constants are copied into them, what else they take from
// outside becomes an input. A loop that counts gets a trip count, and a list that it fills item by item a scan output.
#include <algorithm>
#include <map>

#include "import/tensorflow/build.h"
#include "import/tensorflow/lists.h"
#include "import/tensorflow/map.h"
#include "ops/control_flow.h"
#include "ops/convert.h"
#include "ops/elementwise.h"
#include "ops/reshape.h"
#include "tensor/numeric.h"

namespace saccade::tensorflow {
namespace {

using Values = std::vector<ValueId>;
using Bindings = std::vector<Binding>;

// A body under construction and what it takes from around itself.
struct BodyInProgress {
  GraphInProgress target;
  GraphInProgress& outer;
  Values captures;  // in the graph around it

  explicit BodyInProgress(GraphInProgress& around) : outer(around) {}

  ValueId take(ValueId outside) {
    if (!outside.valid()) return {};
    const auto [it, fresh] = taken_.emplace(outside.index, ValueId{});
    if (!fresh) return it->second;
    const graph::Value value = (*outer.graph)[outside];
    if (value.fact.constant.defined() && outer.is_fixed(outside)) return it->second = target.edit.constant(value.fact.constant, value.name);
    captures.push_back(outside);
    it->second = target.edit.input(value.name, value.fact.type);
    Fact fact = value.fact;
    // known contents go on as contents: an input is no constant
    if (fact.constant.defined() && is_integer(fact.type.element) && fact.constant.rank() <= 1 && fact.constant.size() <= 64 && fact.contents.empty())
      for (std::int64_t i = 0; i < fact.constant.size(); ++i) fact.contents.push_back(graph::Dimension::fixed(element_as_i64(fact.constant, i)));
    fact.constant = Tensor();
    target.edit.set_fact(it->second, std::move(fact));
    return it->second;
  }

  Binding take(const Binding& outside) {
    Binding inner = outside;
    inner.value = take(outside.value);
    if (outside.list) {
      ListState list = *outside.list;
      list.size = take(list.size);
      list.data = take(list.data);
      inner.list = std::make_shared<const ListState>(std::move(list));
    }
    return inner;
  }

 private:
  std::map<std::int32_t, ValueId> taken_;
};

// Which parameter a port is, or -1.
class Parameters {
 public:
  explicit Parameters(const Network& network) : network_(network) {
    for (std::size_t k = 0; k < network.parameters.size(); ++k) index_.emplace(network.parameters[k], static_cast<int>(k));
  }
  int operator()(Port p) const {
    const auto it = index_.find(network_.origin(p).node);
    return it == index_.end() ? -1 : it->second;
  }
  // Which parameters the outputs need.
  std::vector<char> used() const {
    std::vector<char> used(network_.parameters.size(), 0);
    for (const int i : network_.order())
      if (const auto it = index_.find(i); it != index_.end()) used[static_cast<std::size_t>(it->second)] = 1;
    return used;
  }

 private:
  const Network& network_;
  std::map<int, int> index_;
};

std::optional<std::int64_t> integer_constant(const Network& network, Port p) {
  const auto t = network.constant(p);
  if (!t || t->size() != 1 || !is_integer(t->type())) return std::nullopt;
  return element_as_i64(*t, 0);
}

bool is_list_write(std::string_view op) { return op == "TensorListSetItem" || op == "TensorArrayWriteV3" || op == "TensorListPushBack"; }

class WhileBuilder {
 public:
  explicit WhileBuilder(NodeContext& c)
      : c_(c), outer_(c.scope().target), condition_(*c.node_in_file().bodies[0]), body_(*c.node_in_file().bodies[1]), of_condition_(condition_), of_body_(body_), n_(c.count()) {}

  Values build() {
    if (condition_.parameters.size() != n_ || body_.parameters.size() != n_ || body_.outputs.size() != n_ || condition_.outputs.size() != 1)
      c_.invalid("a loop of {} variables whose body takes {} and gives {}", n_, body_.parameters.size(), body_.outputs.size());
    classify();
    count();
    find_scans();
    Values inputs = loop_inputs();
    std::unique_ptr<BodyInProgress> body;
    std::vector<TensorType> types;
    for (const std::size_t k : carried_) types.push_back(outer_.graph->type(initial_[k]));
    for (int attempt = 0;; ++attempt) {
      body = std::make_unique<BodyInProgress>(outer_);
      const Bindings results = run_body(*body, types);
      bool stable = true;
      for (std::size_t j = 0; j < carried_.size(); ++j) {
        const Binding& b = results[carried_[j]];
        const ValueId value = b.list ? b.list->data : b.value;
        if (!value.valid()) c_.unsupported("variable {} of the loop is no tensor after an iteration", carried_[j]);
        stable &= widen(types[j], body->target.graph->type(value), attempt);
      }
      if (stable || attempt == 3) {
        finish(*body, results);
        break;
      }
    }
    inputs.insert(inputs.end(), body->captures.begin(), body->captures.end());
    return outputs(c_.node(ops::Loop{body->target.graph, static_cast<std::int64_t>(carried_.size())}, inputs));
  }

 private:
  enum class Role { invariant, carried, scanned };

  void classify() {
    used_ = of_body_.used();
    const std::vector<char> in_condition = of_condition_.used();
    for (std::size_t k = 0; k < n_; ++k) {
      used_[k] |= in_condition[k];
      const bool invariant = of_body_(body_.outputs[k].port) == static_cast<int>(k);
      roles_.push_back(invariant ? Role::invariant : Role::carried);
      if (!invariant && c_.binding(k).resource) c_.unsupported("a resource changes in a loop");
    }
  }

  // The value that variable k has before the first iteration, if it counts up by one from a fixed number.
  std::optional<std::int64_t> counter(int k) {
    if (k < 0 || roles_[static_cast<std::size_t>(k)] != Role::carried || !c_.binding(static_cast<std::size_t>(k)).value.valid()) return std::nullopt;
    const Tensor* start = c_.constant(static_cast<std::size_t>(k));
    if (start == nullptr || start->size() != 1 || !is_integer(start->type())) return std::nullopt;
    const Node& next = body_.at(body_.origin(body_.outputs[static_cast<std::size_t>(k)].port));
    if ((next.op != "Add" && next.op != "AddV2") || next.custom || next.inputs.size() != 2) return std::nullopt;
    for (const std::size_t side : {0, 1})
      if (of_body_(next.inputs[side]) == k && integer_constant(body_, next.inputs[1 - side]) == 1) return element_as_i64(*start, 0);
    return std::nullopt;
  }

  // A condition made of "counter < bound" alone fixes the number of iterations.
  void count() {
    std::vector<Port> stack{condition_.outputs[0].port};
    std::vector<ValueId> trips;
    while (!stack.empty()) {
      const Port p = condition_.origin(stack.back());
      stack.pop_back();
      const Node& n = condition_.at(p);
      if (n.custom) return;
      if (n.op == "LogicalAnd" && n.inputs.size() == 2) {
        stack.insert(stack.end(), n.inputs.begin(), n.inputs.end());
        if (stack.size() > 64) return;
        continue;
      }
      if (n.op != "Less" || n.inputs.size() != 2) return;
      const auto start = counter(of_condition_(n.inputs[0]));
      if (!start) return;
      const int bound = of_condition_(n.inputs[1]);
      ValueId limit;
      if (const auto number = integer_constant(condition_, n.inputs[1])) {
        limit = c_.i64_scalar(*number);
      } else if (bound >= 0 && roles_[static_cast<std::size_t>(bound)] == Role::invariant && c_.binding(static_cast<std::size_t>(bound)).value.valid()) {
        limit = c_.in(static_cast<std::size_t>(bound));
        if (!is_integer(outer_.graph->type(limit).element)) return;
      } else {
        return;
      }
      bounds_.push_back(limit);
      if (outer_.graph->type(limit).element != ElementType::i64) limit = c_.op(ops::Convert{ElementType::i64}, {limit});
      limit = c_.op(ops::Reshape{}, {limit, c_.i64(std::span<const std::int64_t>())});
      if (*start != 0) limit = c_.op(ops::Binary{ops::BinaryKind::Subtract}, {limit, c_.i64_scalar(*start)});
      trips.push_back(limit);
    }
    std::vector<ValueId> distinct;
    for (const ValueId t : trips)
      if (std::none_of(distinct.begin(), distinct.end(), [&](ValueId d) { return same(d, t); })) distinct.push_back(t);
    trip_ = distinct[0];
    for (std::size_t i = 1; i < distinct.size(); ++i) trip_ = c_.op(ops::Binary{ops::BinaryKind::Minimum}, {trip_, distinct[i]});
  }

  ValueId plain(ValueId v) const {
    for (const graph::Node* n = outer_.graph->producer(v); n != nullptr && (n->op.is<ops::Convert>() || n->op.is<ops::Reshape>()); n = outer_.graph->producer(v)) v = n->inputs[0];
    return v;
  }

  // Whether two integer scalars are certainly equal.
  bool same(ValueId a, ValueId b) const {
    a = plain(a);
    b = plain(b);
    if (a == b) return true;
    const Tensor &x = outer_.graph->constant(a), &y = outer_.graph->constant(b);
    return x.defined() && y.defined() && x.size() == 1 && y.size() == 1 && outer_.is_fixed(a) && outer_.is_fixed(b) && element_as_i64(x, 0) == element_as_i64(y, 0);
  }

  // Lists that get item i in iteration i, are not read before, and hold as many items as there are iterations.
  void find_scans() {
    std::map<int, int> reads;  // of parameters, but for Identities
    for (const int i : body_.order())
      for (const Port p : body_[i].inputs)
        if (!is_identity(body_[i].op))
          if (const int k = of_body_(p); k >= 0) ++reads[k];
    for (std::size_t k = 0; k < n_; ++k) {
      const Binding& b = c_.binding(k);
      if (roles_[k] != Role::carried || !b.list || b.list->data.valid() || b.list->scanned) continue;
      const Node& write = body_.at(body_.origin(body_.outputs[k].port));
      if (write.custom || !is_list_write(write.op)) continue;
      const bool array = write.op == "TensorArrayWriteV3", push = write.op == "TensorListPushBack";
      const std::size_t list = array ? 3 : 0;
      if (write.inputs.size() <= list || of_body_(write.inputs[list]) != static_cast<int>(k) || reads[static_cast<int>(k)] != 1) continue;
      if (!push) {
        if (counter(of_body_(write.inputs[1])) != 0) continue;
        // TensorFlow itself refuses to read an item of a TensorArray that was not written; a TensorList has zeros there
        const bool full = trip_.valid() && b.list->size.valid() && std::all_of(bounds_.begin(), bounds_.end(), [&](ValueId bound) { return same(bound, b.list->size); });
        if (!array && !full) continue;
      }
      roles_[k] = Role::scanned;
    }
  }

  Values loop_inputs() {
    initial_.resize(n_);
    Values inputs{trip_, {}};
    if (!trip_.valid()) {
      Bindings now;
      for (std::size_t k = 0; k < n_; ++k) now.push_back(c_.binding(k));
      inputs[1] = condition(outer_, now);
    }
    for (std::size_t k = 0; k < n_; ++k) {
      if (roles_[k] != Role::carried) continue;
      const Binding& b = c_.binding(k);
      initial_[k] = b.value;
      if (b.list) {
        ListState list = *b.list;
        if (!list.data.valid() && !list.item.is_static()) list.item = written_shape(k);
        initial_[k] = list_data(c_.edit, list);
      }
      carried_.push_back(k);
      inputs.push_back(initial_[k]);
    }
    return inputs;
  }

  ValueId condition(GraphInProgress& target, const Bindings& now) {
    const Bindings result = c_.builder().nodes(target, condition_, now);
    if (!result[0].value.valid()) throw Builder::Poisoned{};
    return target.edit(ops::Reshape{}, {result[0].value, target.edit.constant(i64_vector(std::vector<std::int64_t>()))});
  }

  // The item shape of a list that is empty before the loop: that of what the body writes.
  PartialShape written_shape(std::size_t wanted) {
    BodyInProgress trial(outer_);
    Bindings parameters(n_);
    for (std::size_t k = 0; k < n_; ++k) {
      if (!used_[k]) continue;
      const Binding& b = c_.binding(k);
      if (b.list && roles_[k] != Role::invariant) {
        ListState list = *b.list;
        list.size = trial.take(list.size);
        const ValueId data = trial.target.edit.input(fmt::format("list{}", k), {list.element, PartialShape()});
        if (roles_[k] == Role::carried) list.data = data;
        list.scanned = roles_[k] == Role::scanned;
        parameters[k] = {.list = std::make_shared<const ListState>(std::move(list))};
      } else {
        parameters[k] = trial.take(b);
      }
    }
    const Bindings results = c_.builder().nodes(trial.target, body_, parameters);
    if (results[wanted].poisoned) throw Builder::Poisoned{};
    if (!results[wanted].list || !results[wanted].list->item.is_static())
      c_.unsupported("variable {} of the loop is a list of items whose shape is not known", wanted);
    return results[wanted].list->item;
  }

  Bindings run_body(BodyInProgress& body, const std::vector<TensorType>& types) {
    body.target.graph->name = c_.name();
    Edit& edit = body.target.edit;
    edit.input("iteration", {ElementType::i64, PartialShape(Shape{})});
    edit.input("condition", {ElementType::boolean, PartialShape(Shape{})});
    Bindings parameters(n_);
    for (std::size_t j = 0; j < carried_.size(); ++j) {
      const std::size_t k = carried_[j];
      const ValueId in = edit.input(fmt::format("variable{}", k), types[j]);
      if (const auto& list = c_.binding(k).list) {
        ListState state = *list;
        state.data = in;
        state.size = {};
        parameters[k] = {.list = std::make_shared<const ListState>(std::move(state))};
      } else {
        parameters[k] = {.value = in};
      }
    }
    for (std::size_t k = 0; k < n_; ++k) {
      if (roles_[k] == Role::carried || !used_[k]) continue;
      parameters[k] = body.take(c_.binding(k));
      if (roles_[k] == Role::scanned) {
        ListState state = *parameters[k].list;
        state.scanned = true;
        parameters[k].list = std::make_shared<const ListState>(std::move(state));
      }
    }
    Bindings results = c_.builder().nodes(body.target, body_, parameters);
    for (std::size_t k = 0; k < n_; ++k) {
      if (roles_[k] == Role::invariant) results[k] = parameters[k];
      if (results[k].poisoned) throw Builder::Poisoned{};
    }
    return results;
  }

  bool widen(TensorType& type, const TensorType& out, int attempt) {
    if (type.element != out.element) c_.invalid("a variable of the loop turns from {} to {}", to_string(type.element), to_string(out.element));
    const PartialShape both = common(type.shape, out.shape);
    if (both == type.shape) return true;
    PartialShape wider;
    if (both.ranked() && attempt < 2) {
      wider = both;
      for (std::size_t d = 0; d < wider.rank(); ++d)
        if (!(type.shape[d] == out.shape[d])) wider[d] = graph::Dimension::unknown();
    }
    type.shape = wider;
    return false;
  }

  void finish(BodyInProgress& body, const Bindings& results) {
    Edit& edit = body.target.edit;
    edit.output(trip_.valid() ? edit.constant(Tensor::scalar(true)) : condition(body.target, results), "condition");
    for (const std::size_t k : carried_) edit.output(results[k].list ? results[k].list->data : results[k].value, fmt::format("variable{}", k));
    for (std::size_t k = 0; k < n_; ++k) {
      if (roles_[k] != Role::scanned) continue;
      if (!results[k].list || !results[k].list->slice.valid()) c_.unsupported("a list gets no item in an iteration");
      edit.output(results[k].list->slice, fmt::format("items{}", k));
      items_.emplace(k, results[k].list->item);
    }
    edit.remove_dead();
  }

  Values outputs(const Values& of_loop) {
    std::size_t scan = carried_.size();
    for (std::size_t k = 0, j = 0; k < n_; ++k) {
      const Binding& before = c_.binding(k);
      if (roles_[k] == Role::invariant) {
        c_.bind(k, before);
      } else if (roles_[k] == Role::carried && !before.list) {
        c_.bind(k, {.value = of_loop[j++]});
      } else {
        ListState list = *before.list;
        list.data = roles_[k] == Role::carried ? of_loop[j++] : of_loop[scan++];
        if (roles_[k] == Role::scanned)
          list.item = items_[k];
        else
          list.size = {};
        // what was pushed onto an empty list is as long as the loop ran
        if (roles_[k] == Role::scanned && body_.at(body_.origin(body_.outputs[k].port)).op == "TensorListPushBack") list.size = {};
        c_.bind(k, {.list = std::make_shared<const ListState>(std::move(list))});
      }
    }
    return {};
  }

  NodeContext& c_;
  GraphInProgress& outer_;
  const Network &condition_, &body_;
  Parameters of_condition_, of_body_;
  std::size_t n_;
  std::vector<Role> roles_;
  std::vector<char> used_;
  std::vector<std::size_t> carried_;
  Values initial_;
  ValueId trip_;                  // i64 scalar; invalid: the condition decides
  std::vector<ValueId> bounds_;   // the right sides of the condition
  std::map<std::size_t, PartialShape> items_;
};

Values while_(NodeContext& c) {
  c.ignore({"cond", "body", "output_shapes", "parallel_iterations"});
  if (c.node_in_file().bodies.size() != 2) c.invalid("a loop without a body");
  return WhileBuilder(c).build();
}

void bind_all(NodeContext& c, const Bindings& results) {
  for (std::size_t k = 0; k < results.size(); ++k) c.bind(k, results[k]);
}

Values if_(NodeContext& c) {
  c.ignore({"then_branch", "else_branch", "output_shapes"});
  const auto& bodies = c.node_in_file().bodies;
  if (bodies.size() != 2) c.invalid("a choice without branches");
  Bindings arguments;
  for (std::size_t i = 1; i < c.count(); ++i) arguments.push_back(c.binding(i));
  GraphInProgress& outer = c.scope().target;
  // only the branch that runs becomes part of the graph
  if (const Tensor* known = c.constant(0); known != nullptr) {
    if (known->size() != 1) c.invalid("a condition of {} elements", known->size());
    bind_all(c, c.builder().nodes(outer, *bodies[element_as_f64(*known, 0) != 0 ? 0 : 1], arguments));
    return {};
  }
  ValueId condition = c.in(0);
  if (c.element(0) != ElementType::boolean) condition = c.op(ops::Binary{ops::BinaryKind::NotEqual}, {condition, c.scalar(c.element(0), 0)});
  Values inputs{c.op(ops::Reshape{}, {condition, c.i64(std::span<const std::int64_t>())})};
  BodyInProgress yes(outer), no(outer);
  Bindings results[2];
  for (int side = 0; side < 2; ++side) {
    BodyInProgress& body = side == 0 ? yes : no;
    const Network& network = *bodies[static_cast<std::size_t>(side)];
    const std::vector<char> used = Parameters(network).used();
    if (used.size() != arguments.size()) c.invalid("{} arguments for a branch that takes {}", arguments.size(), used.size());
    Bindings inside(arguments.size());
    for (std::size_t k = 0; k < used.size(); ++k)
      if (used[k]) inside[k] = body.take(arguments[k]);
    results[side] = c.builder().nodes(body.target, network, inside);
    for (const Binding& b : results[side])
      if (b.poisoned) throw Builder::Poisoned{};
    inputs.insert(inputs.end(), body.captures.begin(), body.captures.end());
  }
  if (results[0].size() != results[1].size()) c.invalid("the branches give {} and {} values", results[0].size(), results[1].size());
  std::vector<std::size_t> given;
  for (std::size_t k = 0; k < results[0].size(); ++k) {
    const Binding &a = results[0][k], &b = results[1][k];
    if (a.resource && b.resource && a.resource->name == b.resource->name) {
      c.bind(k, a);
      continue;
    }
    if (a.resource || b.resource || !a.list != !b.list) c.unsupported("a condition chooses between resources");
    yes.target.edit.output(a.list ? list_data(yes.target.edit, *a.list) : a.value, fmt::format("result{}", k));
    no.target.edit.output(b.list ? list_data(no.target.edit, *b.list) : b.value, fmt::format("result{}", k));
    given.push_back(k);
  }
  yes.target.edit.remove_dead();
  no.target.edit.remove_dead();
  const Values made = c.node(ops::If{yes.target.graph, no.target.graph}, inputs);
  for (std::size_t j = 0; j < given.size(); ++j) {
    const Binding& a = results[0][given[j]];
    if (a.list)
      c.bind(given[j], {.list = std::make_shared<const ListState>(ListState{.element = a.list->element, .data = made[j]})});
    else
      c.bind(given[j], {.value = made[j]});
  }
  return {};
}

// Branch k if the index is k, the last one for all other indices: a chain of Ifs, which get the index as a last argument.
Values case_(NodeContext& c) {
  c.ignore({"branches", "output_shapes"});
  const auto& branches = c.node_in_file().bodies;
  if (branches.empty()) c.invalid("a choice without branches");
  const std::size_t arguments = c.count() - 1;
  const auto with_index = [](const Network& branch) {
    auto copy = std::make_shared<Network>(branch);
    copy->parameters.push_back(copy->add({.name = "index", .op = "_Arg"}));
    return copy;
  };
  NetworkPtr chain = with_index(*branches.back());
  for (std::size_t k = branches.size() - 1; k-- > 0;) {
    auto choice = std::make_shared<Network>();
    choice->owner = branches[k]->owner;
    Node pick{.name = fmt::format("{}/branch{}", c.name(), k), .op = "If"};
    for (std::size_t a = 0; a <= arguments; ++a) choice->parameters.push_back(choice->add({.name = fmt::format("argument{}", a), .op = "_Arg"}));
    Node equal{.name = pick.name + "/index", .op = "Equal", .inputs = {{choice->parameters.back(), 0}}};
    equal.custom = [k](NodeContext& inner) {
      return Values{inner.op(ops::Binary{ops::BinaryKind::Equal}, {inner.in(0), inner.scalar(inner.element(0), static_cast<double>(k))})};
    };
    pick.inputs.push_back({choice->add(std::move(equal)), 0});
    for (const int parameter : choice->parameters) pick.inputs.push_back({parameter, 0});
    const std::size_t outputs = branches[k]->outputs.size();
    pick.bodies = {with_index(*branches[k]), chain};
    const int made = choice->add(std::move(pick));
    for (std::size_t o = 0; o < outputs; ++o) choice->outputs.push_back({{made, static_cast<int>(o)}, fmt::format("result{}", o)});
    chain = choice;
  }
  Bindings all;
  for (std::size_t i = 1; i < c.count(); ++i) all.push_back(c.binding(i));
  all.push_back(c.binding(0));
  bind_all(c, c.builder().nodes(c.scope().target, *chain, all));
  return {};
}

constexpr Row kControlRows[] = {
    {"Case", case_}, {"If", if_}, {"StatelessCase", case_}, {"StatelessIf", if_}, {"StatelessWhile", while_}, {"While", while_},
};

}  // namespace

std::span<const Row> control_rows() { return kControlRows; }

}  // namespace saccade::tensorflow
