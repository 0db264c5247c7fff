package dev.tornadomoe.benchmarks;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.cli.bench.Preset;
import dev.tornadomoe.layer.ExpertWeights;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Int4Matrix;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/// Loading a layer's 4-bit experts from a file that the system has cached, beside reading that
/// file. See LoadBenchmark.md.
@State(Scope.Benchmark)
@BenchmarkMode({Mode.SingleShotTime})
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 5)
@Measurement(iterations = 10)
@Fork(
    value = 1,
    jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"})
public class LoadBenchmark {
  private static final Preset PRESET = Preset.named("qwen3-30b-a3b");
  private static final int GROUP = 32;

  /// Big enough that asking costs nothing, small enough for the cache.
  private static final int READ_AT_ONCE = 256 << 10;

  private Arena arena;
  private Path path;
  private FileChannel file;
  private MoePlan plan;
  private MemorySegment mapped;
  private long at;

  @Setup(Level.Trial)
  public void prepare() throws IOException {
    arena = Arena.ofShared();
    path = Files.createTempFile("moe-load", ".bin");
    long values = 3L * PRESET.experts() * PRESET.hidden() * PRESET.intermediate();
    write(values / 2 + values / GROUP * 2);
    file = FileChannel.open(path, StandardOpenOption.READ);
    mapped = file.map(FileChannel.MapMode.READ_ONLY, 0, file.size(), arena);
    List<Mlp> experts = new ArrayList<>();
    for (int e = 0; e < PRESET.experts(); e++) {
      Weight gate = weight(PRESET.intermediate(), PRESET.hidden());
      Weight up = weight(PRESET.intermediate(), PRESET.hidden());
      Weight down = weight(PRESET.hidden(), PRESET.intermediate());
      experts.add(new Mlp(gate, up, down, null, null, null));
    }
    MoeLayer layer =
        new MoeLayer(0, 8, null, ExpertWeights.of(experts, PRESET.activation()), null, false);
    plan = Planner.builder().callerRoutes(true).build().plan(List.of(layer));
  }

  /// Any bits will do for nibbles, and these for scales.
  private void write(long bytes) throws IOException {
    SplittableRandom random = new SplittableRandom(5);
    ByteBuffer piece = ByteBuffer.allocateDirect(READ_AT_ONCE);
    try (FileChannel out = FileChannel.open(path, StandardOpenOption.WRITE)) {
      for (long written = 0; written < bytes; written += piece.limit()) {
        piece.clear();
        while (piece.hasRemaining()) {
          piece.putShort((short) random.nextInt(0x3C00, 0x3F00));
        }
        piece.flip();
        out.write(piece);
      }
    }
  }

  private Weight weight(int rows, int columns) {
    MemorySegment words = take((long) rows * columns / 2);
    int groups = columns / GROUP;
    TensorView scales =
        new TensorView("scales", DType.BF16, Shape.of(rows, groups), take(2L * rows * groups));
    return Weight.of("w", new Int4Matrix(rows, columns, GROUP, words, scales, null, null));
  }

  private MemorySegment take(long bytes) {
    at += bytes;
    return mapped.asSlice(at - bytes, bytes);
  }

  @TearDown(Level.Trial)
  public void close() throws IOException {
    file.close();
    arena.close();
    Files.delete(path);
  }

  /// Makes a session of the layer: reads and repacks all of it, on all cores.
  @Benchmark
  public void load() {
    Backends.require("cpu").prepare(plan).close();
  }

  /// Reads the file into a buffer that is used again and again, on all cores.
  @Benchmark
  public void readFile() {
    int threads = Runtime.getRuntime().availableProcessors();
    IntStream.range(0, threads).parallel().forEach(part -> read(part, threads));
  }

  /// Reads the file into memory that was never touched before, as loading has to.
  @Benchmark
  public void readFileToNewMemory() {
    int threads = Runtime.getRuntime().availableProcessors();
    try (Arena fresh = Arena.ofShared()) {
      MemorySegment target = fresh.allocate(at, 64);
      IntStream.range(0, threads)
          .parallel()
          .forEach(part -> {
            long from = at * part / threads;
            long to = at * (part + 1) / threads;
            MemorySegment.copy(mapped, from, target, from, to - from);
          });
    }
  }

  private void read(int part, int parts) {
    ByteBuffer buffer = ByteBuffer.allocateDirect(READ_AT_ONCE);
    long end = at * (part + 1) / parts;
    try {
      for (long from = at * part / parts; from < end; from += READ_AT_ONCE) {
        file.read(buffer.clear().limit((int) Math.min(READ_AT_ONCE, end - from)), from);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
