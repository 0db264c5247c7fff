package dev.tornadomoe.checkpoint.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The reason is in the message, whether the exception has it in its own or in its type.
class FileFailureTest {
  private static final Path FILE = Path.of("model", "config.json");

  @TempDir Path directory;

  @Test
  void saysWhyAFileCannotBeRead() {
    assertThat(reading(new AccessDeniedException("x")))
        .isEqualTo(FILE + ": can't be read (permission denied)");
    assertThat(reading(new NoSuchFileException("x"))).isEqualTo(FILE + ": no such file");
    assertThat(reading(new IOException("Is a directory")))
        .isEqualTo(FILE + ": can't be read (Is a directory)");
    assertThat(reading(new FileSystemException("x", null, "Too many open files")))
        .isEqualTo(FILE + ": can't be read (Too many open files)");
    assertThat(reading(new FileSystemException("x")))
        .isEqualTo(FILE + ": can't be read (FileSystemException)");
    assertThat(reading(new IOException())).isEqualTo(FILE + ": can't be read (IOException)");
  }

  @Test
  void saysWhyAFileCannotBeWritten() {
    Path file = directory.resolve("x");
    assertThatThrownBy(() ->
            WholeFile.write(
                file,
                temporary -> {
                  throw new AccessDeniedException(temporary.toString());
                }))
        .isInstanceOf(CheckpointException.class)
        .hasMessage(file + ": can't be written (permission denied)");
    assertThatThrownBy(() ->
            WholeFile.write(
                file,
                temporary -> {
                  throw new FileAlreadyExistsException(temporary.toString());
                }))
        .hasMessage(file + ": can't be written (it exists already)");
  }

  @Test
  void saysThatPermissionIsMissing() throws IOException {
    Path file = Files.writeString(directory.resolve("config.json"), "{}");
    assumeTrue(
        file.toFile().setReadable(false) && !Files.isReadable(file), "root reads everything");
    assertThatThrownBy(() -> StrictJson.readObject(file))
        .isInstanceOf(CheckpointException.class)
        .hasMessage(file + ": can't be read (permission denied)");
    assertThatThrownBy(() -> TensorFile.open(file).close())
        .isInstanceOf(CheckpointException.class)
        .hasMessage(file + ": can't be read (permission denied)");
  }

  private static String reading(IOException failure) {
    CheckpointException said = FileFailure.reading(FILE, failure);
    assertThat(said).hasCause(failure);
    return said.getMessage();
  }
}
