package dev.tornadomoe.backend;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.contract.Rows;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;

/// A program whose checkpoint is changed under it: in its own JVM, which it may end.
final class LostFileRun {
  /// After so many calls the kernels are compiled, and the JVM does not outlive their faults.
  private static final int CALLS = 4_000;

  private final Path file;
  private final MoePlan plan;
  private final String backend;
  private final float[] hidden;

  private LostFileRun(Path file, MoeLayer layer, String backend) {
    this.file = file;
    this.plan = Planner.builder().build().plan(layer);
    this.backend = backend;
    this.hidden = Rows.random(layer.hidden(), 1);
  }

  /// Prints what became of it in one line.
  ///
  /// @param arguments the checkpoint's directory, a backend, what is done to the file, and when:
  ///   "loading" or "calls"
  public static void main(String... arguments) throws IOException {
    Path directory = Path.of(arguments[0]);
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      MoeModel model = MoeModel.of(checkpoint);
      LostFileRun run =
          new LostFileRun(
              directory.resolve("model.safetensors"),
              model.layer(model.layerIndices().getFirst()),
              arguments[1]);
      System.out.println(
          arguments[3].equals("loading")
              ? run.beforeLoading(arguments[2])
              : run.betweenCalls(arguments[2]));
    } catch (MoeException e) {
      System.out.println(e.getMessage());
    }
  }

  private String beforeLoading(String what) throws IOException {
    lose(what);
    try (Session session = Backends.require(backend).prepare(plan)) {
      run(session);
      return "fine";
    }
  }

  private String betweenCalls(String what) throws IOException {
    try (Session session = Backends.require(backend).prepare(plan)) {
      float[] before = run(session);
      for (int i = 1; i < CALLS; i++) {
        run(session);
      }
      lose(what);
      return Arrays.equals(run(session), before) ? "fine" : "another result";
    }
  }

  private float[] run(Session session) {
    float[] output = new float[hidden.length];
    session.run(Rows.of(hidden), 1, MemorySegment.ofArray(output));
    return output;
  }

  private void lose(String what) throws IOException {
    switch (what) {
      case "shortened" -> {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
          channel.truncate(4096);
        }
      }
      case "removed" -> Files.delete(file);
      case "replaced" -> {
        Path other = Files.write(file.resolveSibling("other"), new byte[1]);
        Files.move(other, file, StandardCopyOption.REPLACE_EXISTING);
      }
      default -> throw new IllegalArgumentException(what);
    }
  }
}
