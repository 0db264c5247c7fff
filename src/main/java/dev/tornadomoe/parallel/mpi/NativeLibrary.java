package dev.tornadomoe.parallel.mpi;

import dev.tornadomoe.parallel.ParallelException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/// A shared library that is never unloaded, and whose symbols are visible to all that are loaded
/// later: MPI's plugins need not be linked against it. Java's own look-up keeps symbols to itself.
final class NativeLibrary {
  private static final Linker LINKER = Linker.nativeLinker();

  /// Linux's `RTLD_NOW | RTLD_GLOBAL`.
  private static final int NOW_AND_GLOBAL = 0x2 | 0x100;

  private static final MethodHandle DLOPEN =
      system("dlopen", ValueLayout.JAVA_LONG, ValueLayout.ADDRESS, ValueLayout.JAVA_INT);
  private static final MethodHandle DLSYM =
      system("dlsym", ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.ADDRESS);
  private static final MethodHandle DLERROR = system("dlerror", ValueLayout.ADDRESS);

  private final String name;
  private final long library;

  private NativeLibrary(String name, long library) {
    this.name = name;
    this.library = library;
  }

  /// Loads one.
  ///
  /// @param name what the system's loader finds by itself, or a path
  /// @throws ParallelException with the loader's own words
  static NativeLibrary open(String name) {
    try (Arena arena = Arena.ofConfined()) {
      long library = (long) DLOPEN.invokeExact(arena.allocateFrom(name), NOW_AND_GLOBAL);
      if (library == 0) {
        throw new ParallelException(reason());
      }
      return new NativeLibrary(name, library);
    } catch (Throwable e) {
      throw rethrow(e);
    }
  }

  @SuppressWarnings("restricted")
  private static String reason() throws Throwable {
    MemorySegment text = (MemorySegment) DLERROR.invokeExact();
    return text.reinterpret(Long.MAX_VALUE).getString(0);
  }

  String name() {
    return name;
  }

  /// Where a function or variable lies.
  ///
  /// @throws ParallelException when the library has none of this name
  long address(String symbol) {
    try (Arena arena = Arena.ofConfined()) {
      long address = (long) DLSYM.invokeExact(library, arena.allocateFrom(symbol));
      if (address == 0) {
        throw new ParallelException(name + " has no " + symbol + ": it is no MPI");
      }
      return address;
    } catch (Throwable e) {
      throw rethrow(e);
    }
  }

  /// A function that returns an `int`.
  @SuppressWarnings("restricted")
  MethodHandle function(String symbol, MemoryLayout... arguments) {
    return LINKER.downcallHandle(
        MemorySegment.ofAddress(address(symbol)),
        FunctionDescriptor.of(ValueLayout.JAVA_INT, arguments));
  }

  /// A function of the C library.
  @SuppressWarnings("restricted")
  static MethodHandle system(String symbol, MemoryLayout result, MemoryLayout... arguments) {
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(symbol), FunctionDescriptor.of(result, arguments));
  }

  /// What a method handle throws: our own exceptions, since C has none.
  static RuntimeException rethrow(Throwable e) {
    if (e instanceof RuntimeException exception) {
      throw exception;
    }
    if (e instanceof Error error) {
      throw error;
    }
    throw new IllegalStateException(e);
  }
}
