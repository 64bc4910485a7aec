# DuckDB as a library, headers included: target DuckDB::duckdb.
#
# Reads PYRALOG_DUCKDB, a folder with include/ and lib/libduckdb.so as `./dev setup` leaves it.

find_path(EmbeddedDuckDB_INCLUDE_DIR duckdb.hpp PATHS "${PYRALOG_DUCKDB}/include" NO_DEFAULT_PATH)
find_library(EmbeddedDuckDB_LIBRARY duckdb PATHS "${PYRALOG_DUCKDB}/lib" NO_DEFAULT_PATH)
mark_as_advanced(EmbeddedDuckDB_INCLUDE_DIR EmbeddedDuckDB_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(EmbeddedDuckDB
  REQUIRED_VARS EmbeddedDuckDB_LIBRARY EmbeddedDuckDB_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "no DuckDB in '${PYRALOG_DUCKDB}': run ./dev setup")

if(EmbeddedDuckDB_FOUND AND NOT TARGET DuckDB::duckdb)
  add_library(DuckDB::duckdb SHARED IMPORTED)
  set_target_properties(DuckDB::duckdb PROPERTIES
    IMPORTED_LOCATION "${EmbeddedDuckDB_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${EmbeddedDuckDB_INCLUDE_DIR}")
endif()
