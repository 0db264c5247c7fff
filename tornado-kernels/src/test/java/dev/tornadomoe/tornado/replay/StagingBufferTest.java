package dev.tornadomoe.tornado.replay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.cpu.CpuBackend;
import dev.tornadomoe.backend.cpu.HostThreads;
import dev.tornadomoe.tornado.TornadoBackend;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import uk.ac.manchester.tornado.api.common.TornadoDevice;

/// Memory that goes up in pieces, compared with what was to go up.
class StagingBufferTest {
  private static final int SLOT = 4096;
  private static final int LANES = 2;
  private static final int SLOTS = 2 * LANES;

  /// More than all slots, and a last piece that is not full.
  private static final long BYTES = 7 * SLOT + 100;

  private static final long OFFSET = 24;

  private final TornadoDevice device = TornadoBackend.device().device();
  private final long context = TornadoInternals.context(device);
  private final Arena arena = Arena.ofShared();
  private final PinnedMemory pinned = new PinnedMemory(device, ReplayMode.AUTO);
  private final CommandQueue queue =
      new CommandQueue(OpenCl.get(), context, TornadoInternals.handle(device), 0);
  private final long buffer = OpenCl.memory().createOnDevice(context, OFFSET + BYTES);

  @AfterEach
  void close() {
    queue.close();
    OpenCl.memory().release(buffer);
    pinned.close();
    arena.close();
  }

  @ParameterizedTest
  @ValueSource(longs = {1, SLOT, 2 * SLOT, SLOTS * SLOT, SLOTS * SLOT + 1, BYTES})
  void piecesAreWhatWasToGoUp(long bytes) {
    MemorySegment memory = pattern(bytes, 1);
    CpuBackend.together(threads -> {
      try (StagingBuffer staging = staging(OpenCl.get(), threads)) {
        staging.upload(List.of(write(memory, OFFSET)));
        assertThat(onDevice(OFFSET, bytes).mismatch(memory)).isEqualTo(-1);
      }
      return true;
    });
  }

  @Test
  void severalGoUpOneBehindTheOther() {
    MemorySegment first = pattern(SLOT + 1, 2);
    MemorySegment second = pattern(5, 3);
    MemorySegment third = pattern(3 * SLOT, 4);
    try (StagingBuffer staging = staging(OpenCl.get(), HostThreads.CALLING)) {
      for (int time = 0; time < 2; time++) {
        staging.upload(
            List.of(write(third, 2 * SLOT), write(first, 0), write(second, OFFSET + SLOT)));
        assertThat(onDevice(2 * SLOT, third.byteSize()).mismatch(third)).isEqualTo(-1);
        assertThat(onDevice(0, first.byteSize()).mismatch(first)).isEqualTo(-1);
        assertThat(onDevice(OFFSET + SLOT, 5).mismatch(second)).isEqualTo(-1);
      }
    }
  }

  @Test
  void itIsMadeOnlyWhereTheDriverGivesPinnedMemory() {
    try (PinnedMemory ordinary = new PinnedMemory(device, ReplayMode.OFF);
        StagingBuffer none = StagingBuffer.of(device, BYTES, ordinary, HostThreads.CALLING);
        StagingBuffer nothing = StagingBuffer.of(device, 0, pinned, HostThreads.CALLING);
        StagingBuffer some = StagingBuffer.of(device, BYTES, pinned, HostThreads.CALLING)) {
      assertThat(none).isNull();
      assertThat(nothing).isNull();
      assertThat(some).isNotNull();
    }
    assertThat(StagingBuffer.bytes(0)).isZero();
    assertThat(StagingBuffer.bytes(1)).isEqualTo(2 << 10);
    assertThat(StagingBuffer.bytes(16 << 20)).isEqualTo(4 << 20);
    assertThat(StagingBuffer.bytes(1L << 40)).isEqualTo(32 << 20);
  }

  /// Each call does its work before it fails, and the next upload is right.
  @ParameterizedTest
  @ValueSource(strings = {"clEnqueueWriteBuffer", "clFlush", "clWaitForEvents", "clFinish"})
  void aFailureIsToldAndTheNextUploadIsWhole(String function) {
    MemorySegment memory = pattern(BYTES, 5);
    AtomicInteger status = new AtomicInteger(-5);
    try (StagingBuffer staging =
        staging(FaultyOpenCl.failing(function, status), HostThreads.CALLING)) {
      assertThatThrownBy(() -> staging.upload(List.of(write(memory, 0))))
          .isInstanceOf(ReplayException.class)
          .hasMessageStartingWith(function)
          .hasMessageEndingWith("failed: CL_OUT_OF_RESOURCES (-5)");
      status.set(0);
      staging.upload(List.of(write(memory, 0)));
      assertThat(onDevice(0, BYTES).mismatch(memory)).isEqualTo(-1);
    }
  }

  @Test
  void aThreadThatFailsEndsTheUpload() {
    AtomicBoolean fails = new AtomicBoolean(true);
    MemorySegment memory = pattern(BYTES, 6);
    HostThreads failing =
        (items, item) -> {
          if (fails.get()) {
            throw new IllegalStateException("no thread");
          }
          HostThreads.CALLING.run(items, item);
        };
    try (StagingBuffer staging = staging(OpenCl.get(), failing)) {
      assertThatThrownBy(() -> staging.upload(List.of(write(memory, 0)))).hasMessage("no thread");
      fails.set(false);
      staging.upload(List.of(write(memory, 0)));
      assertThat(onDevice(0, BYTES).mismatch(memory)).isEqualTo(-1);
    }
  }

  /// As where a session's memory is closed under an upload.
  @Test
  void memoryThatIsGoneEndsTheUpload() {
    MemorySegment gone;
    try (Arena closed = Arena.ofShared()) {
      gone = closed.allocate(BYTES);
    }
    MemorySegment memory = pattern(BYTES, 7);
    CpuBackend.together(threads -> {
      try (StagingBuffer staging = staging(OpenCl.get(), threads)) {
        assertThatThrownBy(() -> staging.upload(List.of(write(memory, 0), write(gone, 0))))
            .isInstanceOf(IllegalStateException.class);
        staging.upload(List.of(write(memory, 0)));
        assertThat(onDevice(0, BYTES).mismatch(memory)).isEqualTo(-1);
      }
      return true;
    });
  }

  private StagingBuffer staging(OpenCl cl, HostThreads threads) {
    return new StagingBuffer(cl, device, pinned.allocate(SLOTS * SLOT, 64), LANES, threads);
  }

  private Command.Write write(MemorySegment memory, long offset) {
    return new Command.Write("a pattern", memory, buffer, offset);
  }

  /// No two slots are alike.
  private MemorySegment pattern(long bytes, int seed) {
    MemorySegment memory = arena.allocate(bytes, 8);
    for (long i = 0; i < bytes; i++) {
      memory.set(ValueLayout.JAVA_BYTE, i, (byte) (31 * i + i / 251 + seed));
    }
    return memory;
  }

  private MemorySegment onDevice(long offset, long bytes) {
    MemorySegment memory = arena.allocate(bytes, 8);
    queue.run(List.of(new Command.Read("what is there", memory, buffer, offset)));
    return memory;
  }
}
