package dev.tornadomoe.tensor.mapped;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

@DisabledOnOs(value = OS.WINDOWS, disabledReason = "a mapped file can't be changed there")
class MappedFilesTest {
  private static final int BYTES = 10_000;

  @TempDir private Path directory;
  private Path path;

  @BeforeEach
  void write() throws IOException {
    path = Files.write(directory.resolve("file"), new byte[BYTES]);
  }

  private static MappedFile file(MemorySegment memory) {
    return Objects.requireNonNull(MappedFiles.of(memory));
  }

  @Test
  void knowsTheFileThatMemoryIsOf() throws IOException {
    Path second = Files.write(directory.resolve("second"), new byte[] {7});
    try (MappedFiles files = new MappedFiles()) {
      MemorySegment one = files.map(path);
      MemorySegment other = files.map(second);
      assertThat(file(one.asSlice(BYTES - 1)).path()).isEqualTo(path);
      assertThat(file(other).path()).isEqualTo(second);
      assertThat(other.get(ValueLayout.JAVA_BYTE, 0)).isEqualTo((byte) 7);
    }
    assertThat(MappedFiles.of(MemorySegment.ofArray(new byte[1]))).isNull();
    assertThat(MappedFiles.of(Arena.ofAuto().allocate(1))).isNull();
  }

  @Test
  void isWholeUntilItIsCutShort() throws IOException {
    try (MappedFiles files = new MappedFiles()) {
      MappedFile mapped = file(files.map(path));
      assertThat(mapped.isWhole()).isTrue();
      Files.write(path, new byte[1], StandardOpenOption.APPEND);
      assertThat(mapped.isWhole()).isTrue();
      try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
        channel.truncate(BYTES - 1);
      }
      assertThat(mapped.isWhole()).isFalse();
    }
  }

  /// It is asked before each call, and calls allocate nothing.
  @Test
  void askingAllocatesNothing() throws IOException {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    try (MappedFiles files = new MappedFiles()) {
      MappedFile mapped = file(files.map(path));
      boolean whole = mapped.isWhole();
      long first = threads.getCurrentThreadAllocatedBytes();
      long before = threads.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < 1_000; i++) {
        whole &= mapped.isWhole();
      }
      long after = threads.getCurrentThreadAllocatedBytes();
      assertThat(whole).isTrue();
      assertThat(after - before).isEqualTo(before - first); // what asking the bean allocates
    }
  }

  /// Its bytes are there as long as they are mapped.
  @Test
  void isWholeWhenItIsRemovedOrReplaced() throws IOException {
    try (MappedFiles files = new MappedFiles()) {
      MemorySegment memory = files.map(path);
      Path shorter = Files.write(directory.resolve("shorter"), new byte[1]);
      Files.move(shorter, path, StandardCopyOption.REPLACE_EXISTING);
      assertThat(file(memory).isWhole()).isTrue();
      Files.delete(path);
      assertThat(file(memory).isWhole()).isTrue();
      assertThat(memory.get(ValueLayout.JAVA_BYTE, BYTES - 1)).isZero();
    }
  }

  @Test
  void closesItsFiles() throws IOException {
    MappedFiles files = new MappedFiles();
    MemorySegment memory = files.map(path);
    MappedFile mapped = file(memory);
    files.close();
    files.close(); // again does no harm
    assertThat(mapped.isWhole()).isFalse();
    assertThat(MappedFiles.of(memory)).isNull();
    assertThatThrownBy(() -> memory.get(ValueLayout.JAVA_BYTE, 0))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void leavesNothingOpenThatCannotBeMapped() throws IOException {
    try (MappedFiles files = new MappedFiles()) {
      assertThatThrownBy(() -> files.map(directory.resolve("nothing")))
          .isInstanceOf(NoSuchFileException.class);
    }
  }
}
