package dev.tornadomoe.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.contract.Rows;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.WeightFormat;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

class HugePagesTest {
  private static final long MIB = 1 << 20;

  @AfterEach
  void clear() {
    System.clearProperty(HugePages.PROPERTY);
  }

  @Test
  void arePlainUnlessAskedFor() {
    try (Arena arena = Arena.ofShared()) {
      assertThat(HugePages.orPlain(arena)).isSameAs(arena);
      System.setProperty(HugePages.PROPERTY, "yes");
      assertThatThrownBy(() -> HugePages.orPlain(arena))
          .isInstanceOf(BackendException.class)
          .hasMessage("-Dtornadomoe.cpu.hugePages=yes: expected true or false");
    }
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void areAskedForOfTheSystem() throws IOException {
    assumeThat(mayBeAskedFor()).isTrue();
    System.setProperty(HugePages.PROPERTY, "true");
    MemorySegment first;
    try (Arena arena = Arena.ofShared()) {
      SegmentAllocator pages = HugePages.orPlain(arena);
      first = pages.allocate(3 * MIB + 5, 64);
      MemorySegment next = pages.allocate(MIB, 64);
      MemorySegment large = pages.allocate(100 * MIB, 64);
      for (MemorySegment piece : List.of(first, next, large)) {
        assertThat(piece.address() % 64).isZero();
        assertThat(flags(piece)).contains(" hg");
        assertThat(piece.get(ValueLayout.JAVA_BYTE, piece.byteSize() - 1)).isZero();
        piece.fill((byte) 7);
      }
      assertThat(first.asOverlappingSlice(next)).isEmpty();
      assertThat(next.byteSize()).isEqualTo(MIB);
      assertThat(large.byteSize()).isEqualTo(100 * MIB);
    }
    assertThat(first.scope().isAlive()).isFalse();
    assertThat(flags(first)).isEmpty();
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void changeNoResult() throws IOException {
    assumeThat(mayBeAskedFor()).isTrue();
    LayerSpec spec = LayerSpec.odd().with(WeightFormat.int4(DType.F16, 64, true, true));
    MoeLayer layer = RandomLayer.of(spec, 5);
    float[] hidden = Rows.random(3 * layer.hidden(), 6);
    int[] expected = bits(layer, hidden);
    System.setProperty(HugePages.PROPERTY, "true");
    assertThat(bits(layer, hidden)).isEqualTo(expected);
  }

  /// Whoever looks after the machine may have said never.
  private static boolean mayBeAskedFor() throws IOException {
    return !Files.readString(HugePages.SETTING).contains("[never]");
  }

  private static int[] bits(MoeLayer layer, float[] hidden) {
    float[] output = new float[hidden.length];
    try (Session session = new CpuBackend().prepare(Planner.builder().build().plan(layer))) {
      session.run(Rows.of(hidden), 3, Rows.of(output));
    }
    return Rows.bits(output);
  }

  /// What the kernel says of the mapping that a piece lies in, or nothing where it is not mapped.
  private static String flags(MemorySegment piece) throws IOException {
    boolean inside = false;
    for (String line : Files.readAllLines(Path.of("/proc/self/smaps"))) {
      if (line.matches("[0-9a-f]+-[0-9a-f]+ .*")) {
        String[] range = line.split("[- ]", 3);
        inside =
            Long.parseUnsignedLong(range[0], 16) <= piece.address()
                && piece.address() < Long.parseUnsignedLong(range[1], 16);
      } else if (inside && line.startsWith("VmFlags:")) {
        return line;
      }
    }
    return "";
  }
}
