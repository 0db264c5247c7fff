package dev.tornadomoe.tornado.replay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.tornado.Logged;
import dev.tornadomoe.tornado.TornadoBackend;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import uk.ac.manchester.tornado.api.common.TornadoDevice;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/// Host memory of the driver. That plans compute the same on it, each session's test shows.
class PinnedMemoryTest {
  private static final long BYTES = 3L << 20;

  private final TornadoDevice device = TornadoBackend.device().device();

  @Test
  void isZeroAndKeepsWhatIsWrittenUntilItIsClosed() {
    MemorySegment first;
    long held = PinnedMemory.held();
    try (PinnedMemory memory = new PinnedMemory(device, ReplayMode.AUTO)) {
      first = memory.allocate(BYTES, 64);
      MemorySegment second = memory.allocate(16, 4096);
      assertThat(first.byteSize()).isEqualTo(BYTES);
      assertThat(first.address() % 64).isZero();
      assertThat(second.address() % 4096).isZero();
      assertThat(first.mismatch(MemorySegment.ofArray(new byte[(int) BYTES]))).isEqualTo(-1);
      // With room for the alignment.
      assertThat(PinnedMemory.held() - held).isEqualTo(BYTES + 63 + 16 + 4095);
      assertThat(memory.holds(first.asSlice(BYTES - 5, 5))).isTrue();
      assertThat(memory.holds(MemorySegment.ofArray(new byte[5]))).isFalse();
      assertThat(memory.holds(Arena.global().allocate(5))).isFalse();
      first.fill((byte) 1);
      assertThat(second.get(ValueLayout.JAVA_LONG, 0)).isZero();
      assertThat(first.get(ValueLayout.JAVA_BYTE, BYTES - 1)).isEqualTo((byte) 1);
    }
    assertThat(PinnedMemory.held()).isEqualTo(held);
    assertThatThrownBy(() -> first.get(ValueLayout.JAVA_BYTE, 0))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void holdsArraysOfZerosWithTheirHeaders() {
    try (PinnedMemory memory = new PinnedMemory(device, ReplayMode.AUTO)) {
      FloatArray rows = memory.floats(1000);
      assertThat(rows.toHeapArray()).isEqualTo(new float[1000]);
      rows.set(999, 3);
      assertThat(memory.holds(rows.getSegmentWithHeader())).isTrue();
      assertThat(rows.getSegment().getAtIndex(ValueLayout.JAVA_FLOAT, 999)).isEqualTo(3);
      assertThat(rows.getSegment().address() % 16).isZero();
    }
  }

  @Test
  void isOrdinaryWhereNothingIsReplayed() {
    try (PinnedMemory memory = new PinnedMemory(device, ReplayMode.OFF)) {
      assertThat(memory.allocate(BYTES, 64).byteSize()).isEqualTo(BYTES);
    }
  }

  @Test
  void isOrdinaryWhereTheDriverGivesNoneAndSaysSoOnce() {
    try (Logged log = new Logged("dev.tornadomoe.tornado.replay");
        PinnedMemory memory = new PinnedMemory(device, FaultyOpenCl.withoutHostMemory(-6))) {
      assertThat(memory.allocate(BYTES, 64).byteSize()).isEqualTo(BYTES);
      memory.allocate(BYTES, 64);
      assertThat(log.sentences())
          .containsExactly(
              "rows and weights on their way lie in ordinary memory, which is slower:"
                  + " clCreateBuffer (3145791 bytes of host memory) failed: CL_OUT_OF_HOST_MEMORY"
                  + " (-6)");
    }
  }
}
