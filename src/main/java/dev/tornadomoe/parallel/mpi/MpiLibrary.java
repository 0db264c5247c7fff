package dev.tornadomoe.parallel.mpi;

import dev.tornadomoe.parallel.ParallelException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// The MPI that is installed, loaded but not started.
public final class MpiLibrary {
  /// The system property with the path of the library to use.
  public static final String PROPERTY = "tornadomoe.mpi.library";

  /// What to install where there is none.
  public static final String REMEDY =
      "install one (apt install openmpi-bin, or apt install mpich), or name its library with -D"
          + (PROPERTY + "=PATH");

  /// `MPI_MAX_LIBRARY_VERSION_STRING` of MPICH; Open MPI's is 256.
  private static final long VERSION_BYTES = 8192;

  /// Names that the system's loader knows, and places that it does not look in: Fedora's and
  /// Arch's, which leave them to `module load`.
  private static final List<String> OPEN_MPI =
      List.of(
          "libmpi.so.40",
          "/usr/lib64/openmpi/lib/libmpi.so.40",
          "/usr/local/lib/libmpi.so.40",
          "/opt/openmpi/lib/libmpi.so.40");

  private static final List<String> MPICH =
      List.of(
          "libmpich.so.12",
          "libmpi.so.12",
          "/usr/lib64/mpich/lib/libmpi.so.12",
          "/usr/local/lib/libmpi.so.12",
          "/opt/mpich/lib/libmpi.so.12");

  private final NativeLibrary library;
  private final MpiAbi abi;
  private final String description;

  private MpiLibrary(NativeLibrary library) {
    this.library = library;
    String version = version(library);
    abi = MpiAbi.of(library, version);
    description = title(version) + " (" + library.name() + ")";
  }

  /// Finds the library: the one that [#PROPERTY] names, else the one that belongs to the launcher,
  /// else any.
  ///
  /// @param launcher what started this process, null for nothing
  /// @return the library, loaded for as long as the process lives
  /// @throws ParallelException when there is none, or it is of a kind that isn't known
  public static MpiLibrary find(@Nullable Launcher launcher) {
    return find(launcher, System.getProperty(PROPERTY), MpiLibrary::loadOrNull);
  }

  static MpiLibrary find(
      @Nullable Launcher launcher,
      @Nullable String path,
      Function<String, @Nullable NativeLibrary> loader) {
    if (path != null) {
      return named(path);
    }
    SignalHandlers handlers = SignalHandlers.current();
    for (String name : candidates(launcher)) {
      NativeLibrary library = loader.apply(name);
      handlers.restore();
      if (library != null) {
        return new MpiLibrary(library);
      }
    }
    throw new ParallelException(
        launcher == null || launcher.kind() == Launcher.Kind.SLURM
            ? "no MPI is found: " + REMEDY
            : "this process was started by "
                + launcher.kind().title()
                + (", whose library (" + candidates(launcher).getFirst() + ") is not found: ")
                + REMEDY);
  }

  private static List<String> candidates(@Nullable Launcher launcher) {
    if (launcher != null && launcher.kind() == Launcher.Kind.OPEN_MPI) {
      return OPEN_MPI;
    }
    if (launcher != null && launcher.kind() == Launcher.Kind.MPICH) {
      return MPICH;
    }
    return Stream.concat(OPEN_MPI.stream(), MPICH.stream()).toList();
  }

  private static MpiLibrary named(String path) {
    SignalHandlers handlers = SignalHandlers.current();
    try {
      return new MpiLibrary(NativeLibrary.open(path));
    } catch (ParallelException e) {
      throw new ParallelException("-D" + PROPERTY + "=" + path + ": " + e.getMessage(), e);
    } finally {
      handlers.restore();
    }
  }

  private static @Nullable NativeLibrary loadOrNull(String name) {
    try {
      return NativeLibrary.open(name);
    } catch (ParallelException e) {
      return null; // one of several places where it may be
    }
  }

  /// {@return name and version, and where it is}
  public String description() {
    return description;
  }

  MpiAbi abi() {
    return abi;
  }

  NativeLibrary library() {
    return library;
  }

  /// May be called before MPI is started.
  private static String version(NativeLibrary library) {
    MethodHandle function =
        library.function("MPI_Get_library_version", ValueLayout.ADDRESS, ValueLayout.ADDRESS);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment text = arena.allocate(VERSION_BYTES);
      MemorySegment length = arena.allocate(ValueLayout.JAVA_INT);
      int ignored = (int) function.invokeExact(text, length);
      return text.getString(0);
    } catch (Throwable e) {
      throw NativeLibrary.rethrow(e);
    }
  }

  /// `Open MPI v4.1.4` of `Open MPI v4.1.4, package: ...`, `MPICH 4.0.2` of `MPICH Version: 4.0.2`.
  static String title(String version) {
    String line = firstLine(version).replaceAll(" Version:\\s*", " ");
    int comma = line.indexOf(',');
    return comma < 0 ? line : line.substring(0, comma);
  }

  static String firstLine(String text) {
    return text.lines().findFirst().orElse("").strip();
  }
}
