// Filters of lists and dicts, for the catalog in filters.cpp.
#pragma once

#include "runtime/chat/arguments.h"

namespace paretune::chat {

Value filter_first(Budget& budget, const Value& input, const Bound& arguments);
Value filter_last(Budget& budget, const Value& input, const Bound& arguments);
Value filter_list(Budget& budget, const Value& input, const Bound& arguments);
Value filter_items(Budget& budget, const Value& input, const Bound& arguments);
Value filter_dictsort(Budget& budget, const Value& input, const Bound& arguments);
Value filter_reverse(Budget& budget, const Value& input, const Bound& arguments);
Value filter_sort(Budget& budget, const Value& input, const Bound& arguments);
Value filter_unique(Budget& budget, const Value& input, const Bound& arguments);
Value filter_min(Budget& budget, const Value& input, const Bound& arguments);
Value filter_max(Budget& budget, const Value& input, const Bound& arguments);
Value filter_join(Budget& budget, const Value& input, const Bound& arguments);
Value filter_map(Budget& budget, const Value& input, const Bound& arguments);
Value filter_select(Budget& budget, const Value& input, const Bound& arguments);
Value filter_reject(Budget& budget, const Value& input, const Bound& arguments);
Value filter_selectattr(Budget& budget, const Value& input, const Bound& arguments);
Value filter_rejectattr(Budget& budget, const Value& input, const Bound& arguments);

// {key: value, …} as a list of pairs.
Value pairs_of(Budget& budget, const Dict& dict);

}  // namespace paretune::chat
