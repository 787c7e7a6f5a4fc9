// tune: finds the deployments worth having for a workload, and the one to ship.
#include <algorithm>
#include <cstdio>
#include <new>

#include "optimizer/cli/commands.h"

namespace paretune {
namespace {

int run(const Arguments& arguments) {
  const auto command = arguments.empty()
                           ? kCommands.end()
                           : std::ranges::find(kCommands, arguments.front(), &Command::name);
  if (command == kCommands.end()) return run_workload(arguments);
  const Arguments rest(arguments.begin() + 1, arguments.end());
  if (std::ranges::find(rest, "--help") != rest.end())
    return print_help({std::string(command->name)});
  return command->run(rest);
}

}  // namespace
}  // namespace paretune

int main(int argc, char** argv) {
  try {
    return paretune::run({argv + 1, argv + argc});
  } catch (const paretune::UsageError& error) {
    std::fprintf(stderr, "tune: %s\n(tune --help lists all options)\n", error.what());
    return paretune::kExitUsage;
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "tune: out of memory\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tune: %s\n", error.what());
  }
  return paretune::kExitError;
}
