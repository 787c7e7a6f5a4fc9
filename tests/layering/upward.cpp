// Compiled by the layering tests with PARETUNE_INCLUDE set to a header that the library may, or may
// not, see.
#include PARETUNE_INCLUDE
