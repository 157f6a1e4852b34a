// SPDX-License-Identifier: Apache-2.0
// The verbs that are linked into the command. A verb takes its own name as argv[0] and returns the exit code.
#pragma once

namespace saccade::cli {

int verb_info(int argc, char** argv);
int verb_infer(int argc, char** argv);
int verb_bench(int argc, char** argv);
int verb_cache(int argc, char** argv);
int verb_tune(int argc, char** argv);
int verb_convert(int argc, char** argv);
int verb_compat(int argc, char** argv);
int verb_diff(int argc, char** argv);
int verb_doctor(int argc, char** argv);
int verb_eval(int argc, char** argv);

/// Whether the command was called by the name of a tool whose command line `compat` takes.
bool is_old_tool(const char* program);
/// Runs with that tool's own command line; argv[0] is its name.
int run_old_tool(int argc, char** argv);

}  // namespace saccade::cli
