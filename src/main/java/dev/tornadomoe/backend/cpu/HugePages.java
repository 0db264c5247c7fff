package dev.tornadomoe.backend.cpu;

import dev.tornadomoe.backend.BackendException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/// Memory for repacked weights in pages of 2 MiB, where `-Dtornadomoe.cpu.hugePages=true` asks for
/// them: the system hands out and clears 512 times fewer pages, and reading needs fewer look-ups of
/// addresses. It is asked for by `madvise`, which only Linux has and only native access reaches, so
/// it is an option and never done unasked.
///
/// Pieces are cut from large mappings. What of these nobody writes takes no memory.
final class HugePages implements SegmentAllocator {
  static final String PROPERTY = "tornadomoe.cpu.hugePages";

  /// Whether Linux has them: always, when asked, never.
  static final Path SETTING = Path.of("/sys/kernel/mm/transparent_hugepage/enabled");

  private static final long PAGE = 2L << 20;
  private static final long MAPPING = 64L << 20;

  // Linux's, the same on all its 64-bit processors.
  private static final int READ_AND_WRITE = 0x1 | 0x2;
  private static final int PRIVATE_AND_ANONYMOUS = 0x2 | 0x20;
  private static final int HUGEPAGE = 14;
  private static final long FAILED = -1;

  private final Arena arena;
  private final MethodHandle mmap;
  private final MethodHandle madvise;
  private final MethodHandle munmap;
  private MemorySegment rest = MemorySegment.NULL;

  private HugePages(Arena arena) {
    ValueLayout.OfLong number = ValueLayout.JAVA_LONG;
    ValueLayout.OfInt flags = ValueLayout.JAVA_INT;
    this.arena = arena;
    this.mmap = system("mmap", number, number, number, flags, flags, flags, number);
    this.madvise = system("madvise", flags, number, number, flags);
    this.munmap = system("munmap", flags, number, number);
  }

  /// What allocates a session's weights.
  ///
  /// @param arena with which the memory goes
  /// @throws BackendException when huge pages are asked for and can't be had
  static SegmentAllocator orPlain(Arena arena) {
    String wanted = System.getProperty(PROPERTY, "false");
    return switch (wanted) {
      case "false" -> arena;
      case "true" -> {
        requireThem();
        yield new HugePages(arena);
      }
      default ->
          throw new BackendException(
              String.format(Locale.ROOT, "-D%s=%s: expected true or false", PROPERTY, wanted));
    };
  }

  private static void requireThem() {
    String setting;
    try {
      setting = Files.readString(SETTING);
    } catch (IOException e) {
      throw new BackendException(
          String.format(
              Locale.ROOT, "-D%s=true: this system has no %s, as Linux has", PROPERTY, SETTING),
          e);
    }
    if (setting.contains("[never]")) {
      throw new BackendException(
          String.format(
              Locale.ROOT, "-D%s=true: %s says never; write madvise to it", PROPERTY, SETTING));
    }
    if (!HugePages.class.getModule().isNativeAccessEnabled()) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "-D%s=true needs native access; start java with --enable-native-access=%s",
              PROPERTY,
              HugePages.class.getModule().isNamed()
                  ? HugePages.class.getModule().getName()
                  : "ALL-UNNAMED"));
    }
  }

  @SuppressWarnings("restricted")
  private static MethodHandle system(
      String symbol, MemoryLayout result, MemoryLayout... arguments) {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(
        linker.defaultLookup().findOrThrow(symbol), FunctionDescriptor.of(result, arguments));
  }

  @Override
  public synchronized MemorySegment allocate(long bytes, long alignment) {
    long skipped = -rest.address() & (alignment - 1);
    if (skipped + bytes > rest.byteSize()) {
      MemorySegment mapped = map(Math.max(MAPPING, bytes + PAGE));
      skipped = -mapped.address() & (PAGE - 1);
      rest = mapped.asSlice(skipped);
      skipped = 0;
    }
    MemorySegment piece = rest.asSlice(skipped, bytes);
    rest = rest.asSlice(skipped + bytes);
    return piece;
  }

  @SuppressWarnings("restricted")
  private MemorySegment map(long bytes) {
    try {
      long address =
          (long) mmap.invokeExact(0L, bytes, READ_AND_WRITE, PRIVATE_AND_ANONYMOUS, -1, 0L);
      if (address == FAILED) {
        throw new BackendException(
            String.format(Locale.ROOT, "the system has no %d bytes for weights", bytes));
      }
      MemorySegment mapped =
          MemorySegment.ofAddress(address).reinterpret(bytes, arena, this::unmap);
      if ((int) madvise.invokeExact(address, bytes, HUGEPAGE) != 0) {
        throw new BackendException(
            String.format(Locale.ROOT, "-D%s=true: madvise refuses huge pages", PROPERTY));
      }
      return mapped;
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  private void unmap(MemorySegment mapped) {
    try {
      int _ = (int) munmap.invokeExact(mapped.address(), mapped.byteSize());
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }
}
