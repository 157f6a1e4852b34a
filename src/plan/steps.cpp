// SPDX-License-Identifier: Apache-2.0
// The strided copy and the evaluate step.
#include "plan/steps.h"

#include <cstring>

#include "base/error.h"
#include "plan/parallel.h"

namespace saccade::plan {

CopyStep::CopyStep(Place from, Place to)
    : from_(std::move(from)), to_(std::move(to)), nest_(merge_loops(to_.dims, {to_.strides, from_.strides})), element_bytes_(size_in_bytes(to_.type)) {
  reads = {from_};
  writes = {to_};
  const std::size_t rank = nest_.dims.size();
  inner_ = rank - 1;
  if (nest_.strides[0][inner_] == 1 && nest_.strides[1][inner_] == 1) {
    how_ = How::rows;
  } else if (nest_.strides[0][inner_] == 1 && element_bytes_ == 4) {
    for (std::size_t d = 0; d + 1 < rank; ++d)
      if (nest_.strides[1][d] == 1 && nest_.dims[d] > 1) {
        how_ = How::transpose;
        contiguous_ = d;
      }
  }
  row_ = how_ == How::transpose ? contiguous_ : (rank > 1 ? rank - 2 : rank);
  outer_.strides.resize(2);
  for (std::size_t d = 0; d + 1 < rank; ++d)
    if (d != row_) {
      outer_.dims.push_back(nest_.dims[d]);
      for (std::size_t o = 0; o < 2; ++o) outer_.strides[o].push_back(nest_.strides[o][d]);
    }
}

void CopyStep::run(const Run& run) const {
  auto* dst = reinterpret_cast<std::byte*>(run.bases[to_.buffer]) + to_.offset * static_cast<std::int64_t>(element_bytes_);
  const auto* src = reinterpret_cast<const std::byte*>(run.bases[from_.buffer]) + from_.offset * static_cast<std::int64_t>(element_bytes_);
  const auto size = static_cast<std::int64_t>(element_bytes_);
  for (auto d : nest_.dims)
    if (d == 0) return;
  if (how_ == How::strided) {
    strided_copy(dst, nest_.strides[0], src, nest_.strides[1], nest_.dims, element_bytes_);
    return;
  }
  // the outermost loops are an odometer; the larger of what remains around the kernel's rows, and these, is cut across threads
  const std::size_t rank = nest_.dims.size(), row_dim = row_;
  const std::int64_t rows = row_dim < rank ? nest_.dims[row_dim] : 1;
  const std::int64_t dst_row = row_dim < rank ? nest_.strides[0][row_dim] : 0, src_row = row_dim < rank ? nest_.strides[1][row_dim] : 0;
  const std::int64_t n = nest_.dims[inner_];
  const bool blocks = !outer_.dims.empty();  // of rows
  const std::int64_t count = blocks ? outer_.dims.back() : 1;
  const std::int64_t dst_step = blocks ? outer_.strides[0].back() : 0, src_step = blocks ? outer_.strides[1].back() : 0;
  // blocks [first, last) of rows [begin, end)
  const auto part = [&](std::byte* d, const std::byte* s, std::int64_t first, std::int64_t last, std::int64_t begin, std::int64_t end) {
    if (how_ == How::transpose) {
      run.k.transpose({.src = s + (first * src_step + begin) * size, .src_pitch = nest_.strides[1][inner_], .dst = d + (first * dst_step + begin * dst_row) * size,
                       .dst_pitch = dst_row, .rows = n, .columns = end - begin, .count = last - first, .src_step = src_step, .dst_step = dst_step});
      return;
    }
    for (std::int64_t i = first; i < last; ++i)
      run.k.copy_rows({.src = s + (i * src_step + begin * src_row) * size, .src_pitch = src_row * size, .dst = d + (i * dst_step + begin * dst_row) * size,
                       .dst_pitch = dst_row * size, .rows = end - begin, .bytes = n * size});
  };
  const double work = static_cast<double>(count * rows * n * size) * 0.1;
  OuterWalk walk(outer_.dims, blocks ? outer_.dims.size() - 1 : 0);
  do {
    std::byte* d = dst + walk.offset(outer_.strides[0]) * size;
    const std::byte* s = src + walk.offset(outer_.strides[1]) * size;
    if (count > rows)
      run.parallel(count, 1, work, [&](std::int64_t begin, std::int64_t end) { part(d, s, begin, end, 0, rows); });
    else
      run.parallel(rows, 8, work, [&](std::int64_t begin, std::int64_t end) { part(d, s, 0, count, begin, end); });
  } while (walk.next());
}

EvaluateStep::EvaluateStep(graph::Op op, std::vector<Place> inputs, std::vector<Place> outputs)
    : op_(std::move(op)), inputs_(std::move(inputs)), outputs_(std::move(outputs)) {
  for (const Place& p : inputs_)
    if (p.valid()) reads.push_back(p);
  writes = outputs_;
  exact_denormals = true;
}

void EvaluateStep::run(const Run& run) const {
  ErrorContext scope(op_.name(), name);
  std::vector<Tensor> args;
  args.reserve(inputs_.size());
  for (const Place& p : inputs_) {
    if (!p.valid())
      args.emplace_back();
    else
      args.emplace_back(p.type, p.dims, run.bases[p.buffer] + p.offset * static_cast<std::int64_t>(size_in_bytes(p.type)));
  }
  const std::vector<Tensor> results = op_.evaluate(args);
  SACCADE_CHECK(results.size() == outputs_.size(), internal, "evaluate gave {} outputs instead of {}", results.size(), outputs_.size());
  for (std::size_t i = 0; i < results.size(); ++i) store(run, results[i], outputs_[i]);
}

void store(const Run& run, const Tensor& tensor, const Place& to) {
  SACCADE_CHECK(tensor.shape() == to.dims && tensor.type() == to.type, internal, "a step gave {}{} instead of {}{}", to_string(tensor.type()), to_string(tensor.shape()),
                to_string(to.type), to_string(to.dims));
  if (tensor.size() == 0) return;
  const std::size_t bytes = size_in_bytes(to.type);
  std::byte* dst = run.bases[to.buffer] + to.offset * static_cast<std::int64_t>(bytes);
  if (is_dense(to))
    std::memcpy(dst, tensor.raw(), tensor.size_bytes());
  else
    strided_copy(dst, to.strides, tensor.raw(), dense_strides(to.dims), to.dims, bytes);
}

}  // namespace saccade::plan
