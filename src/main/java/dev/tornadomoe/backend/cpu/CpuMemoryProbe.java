package dev.tornadomoe.backend.cpu;

import dev.tornadomoe.backend.MemoryProbe;
import dev.tornadomoe.backend.cpu.kernel.choice.CpuKernels;
import dev.tornadomoe.backend.cpu.step.CpuLinear;
import dev.tornadomoe.backend.cpu.step.CpuMlp;
import dev.tornadomoe.backend.cpu.team.WorkerTeam;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// Reads experts' weights on the whole team, in pieces of the size that the kernels work on.
final class CpuMemoryProbe implements MemoryProbe, WorkerTeam.Task {
  private static final long PIECE = 128 << 10;

  private final WorkerTeam team;
  private final CpuKernels kernels;
  private final List<CpuLayer> layers;
  private final List<Piece> pieces = new ArrayList<>();
  private final long[] sinks;

  private record Piece(MemorySegment segment, long from, long to) {}

  CpuMemoryProbe(WorkerTeam team, CpuKernels kernels, List<CpuLayer> layers) {
    this.team = team;
    this.kernels = kernels;
    this.layers = layers;
    this.sinks = new long[team.threads()];
  }

  @Override
  public long move(List<int[]> experts) {
    long bytes = 0;
    for (int layer = 0; layer < experts.size(); layer++) {
      bytes += read(layer, experts.get(layer));
    }
    return bytes;
  }

  private long read(int layer, int[] experts) {
    pieces.clear();
    long bytes = 0;
    for (int expert : experts) {
      CpuMlp mlp = layers.get(layer).experts().get(expert);
      if (mlp.gate() != null) {
        bytes += add(mlp.gate());
      }
      bytes += add(mlp.up()) + add(mlp.down());
    }
    team.run(this, pieces.size());
    return bytes;
  }

  private long add(CpuLinear linear) {
    long bytes = 0;
    for (MemorySegment segment : linear.matrix().memory()) {
      for (long from = 0; from < segment.byteSize(); from += PIECE) {
        pieces.add(new Piece(segment, from, Math.min(segment.byteSize(), from + PIECE)));
      }
      bytes += segment.byteSize();
    }
    return bytes;
  }

  @Override
  public void run(int item, int worker) {
    Piece piece = pieces.get(item);
    sinks[worker] ^= kernels.read(piece.segment(), piece.from(), piece.to());
  }
}
