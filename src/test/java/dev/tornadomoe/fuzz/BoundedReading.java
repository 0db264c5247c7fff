package dev.tornadomoe.fuzz;

import com.sun.management.ThreadMXBean;
import dev.tornadomoe.MoeException;
import dev.tornadomoe.backend.host.LayerWeights;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.FilesAsMemory;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightMatrix;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/// What may be done with files that anybody may have made: they are read, or refused with a
/// [MoeException], in memory that their own size bounds.
final class BoundedReading {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  /// Heap that reading may use: so much for each byte, and beside it what Jazzer's hooks allocate,
  /// a kilobyte for each look-up of a name, of which a hundred thousand layers are as many. A
  /// length that was believed takes more.
  private static final long HEAP_BASE = 256L << 20;

  private static final long HEAP_PER_BYTE = 64;

  /// Memory of loaded weights for each byte of the files: 16-bit scales become 32-bit ones.
  private static final long LOADED_PER_BYTE = 4;

  private BoundedReading() {}

  /// A directory of this process, deleted when it ends.
  static Path directory() {
    try {
      Path directory = Files.createTempDirectory("moe-fuzz-");
      Runtime.getRuntime().addShutdownHook(new Thread(() -> deleteAll(directory)));
      return directory;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void deleteAll(Path directory) {
    try (Stream<Path> files = Files.list(directory)) {
      files.toList().forEach(BoundedReading::delete);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    delete(directory);
  }

  /// A file that need not be there, or an empty directory.
  static void delete(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// @param bytes of all files
  static void of(long bytes, Runnable reading) {
    long most = HEAP_BASE + HEAP_PER_BYTE * bytes;
    // A second time, because what loading a class allocates is counted too.
    if (allocatedBy(reading) > most && allocatedBy(reading) > most) {
      throw new IllegalStateException(
          String.format(
              Locale.ROOT, "reading %d bytes takes more than %d bytes of heap", bytes, most));
    }
  }

  private static long allocatedBy(Runnable reading) {
    long before = THREADS.getCurrentThreadAllocatedBytes();
    try {
      reading.run();
    } catch (MoeException refused) {
      if (refused.getMessage() == null || refused.getMessage().isBlank()) {
        throw new IllegalStateException("refused without a sentence", refused);
      }
    }
    return THREADS.getCurrentThreadAllocatedBytes() - before;
  }

  /// Opens a model, describes its first and last MoE layer, and loads their first and last weights.
  /// Where its files have an odd number of bytes, they are in memory.
  ///
  /// @param bytes of all files
  static void ofModel(Path path, long bytes) {
    if (bytes % 2 == 0) {
      try (Checkpoint checkpoint = Checkpoint.open(path)) {
        ofModel(checkpoint, bytes);
      }
    } else {
      try (Arena arena = Arena.ofShared();
          Checkpoint checkpoint = Checkpoint.open(FilesAsMemory.of(path, arena), "in memory")) {
        ofModel(checkpoint, bytes);
      }
    }
  }

  private static void ofModel(Checkpoint checkpoint, long bytes) {
    MoeModel model = MoeModel.of(checkpoint);
    ofStack(model, bytes);
    for (String part : model.parts()) {
      ofStack(model.part(part), bytes);
    }
  }

  private static void ofStack(MoeModel model, long bytes) {
    List<Integer> layers = model.layerIndices();
    if (!layers.isEmpty()) {
      load(model.layer(layers.getFirst()), bytes);
      model.layer(layers.getLast());
    }
  }

  private static void load(MoeLayer layer, long bytes) {
    List<Weight> weights = LayerWeights.of(layer);
    List<Weight> experts = weights.subList(1, Math.min(weights.size(), 4));
    for (Weight weight :
        List.of(weights.getFirst(), experts.getFirst(), experts.getLast(), weights.getLast())) {
      try (LimitedArena arena = new LimitedArena(LOADED_PER_BYTE * bytes)) {
        WeightMatrix matrix = weight.load(arena);
        float[] row = new float[matrix.columns()];
        matrix.decodeRow(0, row);
        matrix.decodeRow(matrix.rows() - 1, row);
      }
    }
  }

  /// An arena that refuses more than so many bytes.
  private static final class LimitedArena implements Arena {
    private final Arena arena = Arena.ofConfined();
    private long left;

    LimitedArena(long bytes) {
      this.left = bytes;
    }

    @Override
    public MemorySegment allocate(long byteSize, long byteAlignment) {
      left -= byteSize;
      if (left < 0) {
        throw new IllegalStateException(
            "loading a weight takes more memory than its file can need");
      }
      return arena.allocate(byteSize, byteAlignment);
    }

    @Override
    public MemorySegment.Scope scope() {
      return arena.scope();
    }

    @Override
    public void close() {
      arena.close();
    }
  }
}
