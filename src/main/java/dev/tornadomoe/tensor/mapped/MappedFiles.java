package dev.tornadomoe.tensor.mapped;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/// Files that are mapped together and unmapped together. They stay open as long, so that whoever is
/// about to read their memory can ask whether they have been cut short ([MappedFile#isWhole]):
/// touching memory without a file behind it ends a compiled vector loop together with the JVM.
///
/// Safe for use from several threads.
public final class MappedFiles implements AutoCloseable {
  /// A segment knows the scope that it lives in, but not its file.
  private static final Map<MemorySegment.Scope, MappedFiles> OPEN = new ConcurrentHashMap<>();

  @SuppressWarnings("MustBeClosedChecker") // close() closes it
  private final Arena arena = Arena.ofShared();

  private final List<MappedFile> files = new CopyOnWriteArrayList<>();

  /// Begins without any file.
  public MappedFiles() {
    OPEN.put(arena.scope(), this);
  }

  /// Maps all of a file, to be read only.
  ///
  /// @param path a regular file
  /// @return its bytes, until this is closed
  /// @throws IOException when it can't be opened
  public MemorySegment map(Path path) throws IOException {
    // This one says why a file can't be opened; only the other one's length can be asked for by
    // threads that are interrupted, which closes channels.
    FileChannel.open(path, StandardOpenOption.READ).close();
    RandomAccessFile file = new RandomAccessFile(path.toFile(), "r");
    try {
      FileChannel channel = file.getChannel();
      MemorySegment memory = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      files.add(new MappedFile(path, file, memory));
      return memory;
    } catch (IOException | RuntimeException | Error e) {
      file.close();
      throw e;
    }
  }

  /// {@return the file that memory is mapped from, or null when it is of no open one}
  ///
  /// @param memory or a slice of it
  public static @Nullable MappedFile of(MemorySegment memory) {
    MappedFiles open = OPEN.get(memory.scope());
    if (open == null || !memory.isNative()) {
      return null;
    }
    for (MappedFile file : open.files) {
      long offset = memory.address() - file.memory().address();
      if (offset >= 0 && offset < file.memory().byteSize()) {
        return file;
      }
    }
    return null;
  }

  /// Unmaps and closes the files; again does no harm.
  @Override
  public void close() {
    if (OPEN.remove(arena.scope()) == null) {
      return;
    }
    arena.close();
    for (MappedFile file : files) {
      try {
        file.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e); // nothing was written, so nothing can be lost
      }
    }
  }
}
