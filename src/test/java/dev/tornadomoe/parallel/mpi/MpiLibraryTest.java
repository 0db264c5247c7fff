package dev.tornadomoe.parallel.mpi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.parallel.ParallelException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class MpiLibraryTest {
  private static final Launcher OPEN_MPI = new Launcher(Launcher.Kind.OPEN_MPI, 0, 2, 0, 2);
  private static final Launcher MPICH = new Launcher(Launcher.Kind.MPICH, 0, 2, 0, 2);
  private static final Launcher SLURM = new Launcher(Launcher.Kind.SLURM, 0, 2, 0, 2);

  @Test
  void noneIsInstalled() {
    for (Launcher launcher : new Launcher[] {null, SLURM}) {
      assertThatThrownBy(() -> MpiLibrary.find(launcher, null, _ -> null))
          .isInstanceOf(ParallelException.class)
          .hasMessage(
              "no MPI is found: install one (apt install openmpi-bin, or apt install mpich), or"
                  + " name its library with -Dtornadomoe.mpi.library=PATH");
    }
  }

  @Test
  void theLaunchersOwnIsMissing() {
    assertThatThrownBy(() -> MpiLibrary.find(MPICH, null, _ -> null))
        .isInstanceOf(ParallelException.class)
        .hasMessageStartingWith(
            "this process was started by MPICH's mpirun, whose library (libmpich.so.12) is not"
                + " found: install one");
  }

  @Test
  void placesInTheirOrder() {
    assertThat(places(OPEN_MPI)).startsWith("libmpi.so.40").allMatch(p -> p.endsWith(".40"));
    assertThat(places(MPICH))
        .startsWith("libmpich.so.12", "libmpi.so.12")
        .allMatch(p -> p.endsWith(".12"));
    List<String> all = new ArrayList<>(places(OPEN_MPI));
    all.addAll(places(MPICH));
    assertThat(places(null)).isEqualTo(all);
    assertThat(places(SLURM)).isEqualTo(all);
  }

  private static List<String> places(@Nullable Launcher launcher) {
    List<String> asked = new ArrayList<>();
    assertThatThrownBy(() ->
            MpiLibrary.find(
                launcher,
                null,
                name -> {
                  asked.add(name);
                  return null;
                }))
        .isInstanceOf(ParallelException.class);
    return asked;
  }

  @Test
  void wrongPath() {
    assertThatThrownBy(() -> MpiLibrary.find(null, "/none/libmpi.so", _ -> null))
        .isInstanceOf(ParallelException.class)
        .hasMessageStartingWith("-Dtornadomoe.mpi.library=/none/libmpi.so: ")
        .hasMessageContaining("No such file")
        .hasMessageNotContaining("\n");
  }

  /// The C library is there on every Linux.
  @Test
  void anotherLibrary() {
    assertThatThrownBy(() -> MpiLibrary.find(null, "libc.so.6", _ -> null))
        .isInstanceOf(ParallelException.class)
        .hasMessage(
            "-Dtornadomoe.mpi.library=libc.so.6: libc.so.6 has no MPI_Get_library_version: it is"
                + " no MPI");
  }

  @Test
  void anotherMpi() {
    NativeLibrary any = NativeLibrary.open("libc.so.6");
    assertThatThrownBy(() -> MpiAbi.of(any, "HAL MPI 9.0\nbuilt yesterday"))
        .isInstanceOf(ParallelException.class)
        .hasMessage("libc.so.6 is \"HAL MPI 9.0\"; expected Open MPI or MPICH");
  }

  @Test
  void titles() {
    assertThat(MpiLibrary.title("Open MPI v4.1.4, package: Debian OpenMPI, ident: 4.1.4"))
        .isEqualTo("Open MPI v4.1.4");
    assertThat(MpiLibrary.title("MPICH Version:      4.0.2\nMPICH Release date: Thu Apr  7"))
        .isEqualTo("MPICH 4.0.2");
  }
}
