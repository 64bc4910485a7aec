# Arrow C++ out of the pyarrow wheel: PyArrow::arrow, PyArrow::parquet, PyArrow::arrow_compute ..., one imported target
# for each lib*.so.* in the wheel.
#
# The wheel has headers and libraries but no CMake files, and its libraries carry only versioned names
# (libarrow.so.2600). Those are linked as they are; no symbolic link is made in the wheel.
#
# Reads PYRALOG_PYTHON (the interpreter whose pyarrow is taken). Sets PyArrow_FOUND, PyArrow_VERSION,
# PyArrow_INCLUDE_DIR, PyArrow_LIBRARY_DIR.

execute_process(
  COMMAND "${PYRALOG_PYTHON}" -c
    "import importlib.metadata as m, importlib.util as u; s = u.find_spec('pyarrow'); print(m.version('pyarrow')); print(s.submodule_search_locations[0])"
  OUTPUT_VARIABLE _pyarrow OUTPUT_STRIP_TRAILING_WHITESPACE
  RESULT_VARIABLE _pyarrow_result ERROR_QUIET)
if(_pyarrow_result EQUAL 0)
  string(REPLACE "\n" ";" _pyarrow "${_pyarrow}")
  list(GET _pyarrow 0 PyArrow_VERSION)
  list(GET _pyarrow 1 PyArrow_LIBRARY_DIR)
  set(PyArrow_INCLUDE_DIR "${PyArrow_LIBRARY_DIR}/include")
  if(NOT EXISTS "${PyArrow_INCLUDE_DIR}/arrow/api.h")
    unset(PyArrow_INCLUDE_DIR)
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(PyArrow
  REQUIRED_VARS PyArrow_INCLUDE_DIR PyArrow_LIBRARY_DIR VERSION_VAR PyArrow_VERSION
  REASON_FAILURE_MESSAGE "'${PYRALOG_PYTHON}' has no pyarrow: run ./dev setup")

if(PyArrow_FOUND AND NOT TARGET PyArrow::arrow)
  file(GLOB _pyarrow_files "${PyArrow_LIBRARY_DIR}/lib*.so.*")
  foreach(_file IN LISTS _pyarrow_files)
    get_filename_component(_name "${_file}" NAME)
    string(REGEX REPLACE "^lib(.*)\\.so\\..*$" "\\1" _name "${_name}")
    if(NOT TARGET PyArrow::${_name})
      add_library(PyArrow::${_name} SHARED IMPORTED)
      set_target_properties(PyArrow::${_name} PROPERTIES
        IMPORTED_LOCATION "${_file}"
        INTERFACE_INCLUDE_DIRECTORIES "${PyArrow_INCLUDE_DIR}"
        INTERFACE_COMPILE_FEATURES cxx_std_20)
      if(NOT _name STREQUAL "arrow")
        set_property(TARGET PyArrow::${_name} PROPERTY INTERFACE_LINK_LIBRARIES PyArrow::arrow)
      endif()
    endif()
  endforeach()
endif()
