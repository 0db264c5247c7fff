package dev.tornadomoe.parallel.mpi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.parallel.ParallelException;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class LauncherTest {
  private static final Map<String, String> HYDRA =
      Map.of("PMI_RANK", "2", "PMI_SIZE", "3", "MPI_LOCALRANKID", "1", "MPI_LOCALNRANKS", "2");
  private static final Map<String, String> SRUN =
      Map.of(
          "SLURM_PROCID",
          "5",
          "SLURM_STEP_NUM_TASKS",
          "7",
          "SLURM_LOCALID",
          "2",
          "SLURM_NODEID",
          "2",
          "SLURM_STEP_TASKS_PER_NODE",
          "2(x2),3");

  @Test
  void nothingStartedUs() {
    assertThat(Launcher.of(Map.of("PATH", "/bin"))).isNull();
  }

  @Test
  void openMpi() {
    Map<String, String> environment =
        Map.of(
            "OMPI_COMM_WORLD_RANK",
            "1",
            "OMPI_COMM_WORLD_SIZE",
            "4",
            "OMPI_COMM_WORLD_LOCAL_RANK",
            "1",
            "OMPI_COMM_WORLD_LOCAL_SIZE",
            "2");
    assertThat(Launcher.of(environment))
        .isEqualTo(new Launcher(Launcher.Kind.OPEN_MPI, 1, 4, 1, 2));
  }

  @Test
  void mpich() {
    assertThat(Launcher.of(HYDRA)).isEqualTo(new Launcher(Launcher.Kind.MPICH, 2, 3, 1, 2));
  }

  @Test
  void slurm() {
    assertThat(Launcher.of(SRUN)).isEqualTo(new Launcher(Launcher.Kind.SLURM, 5, 7, 2, 3));
  }

  /// With `--mpi=pmi2` it tells what MPICH's launcher tells.
  @Test
  void slurmWithPmi() {
    Map<String, String> environment = new HashMap<>(SRUN);
    environment.put("PMI_RANK", "5");
    environment.put("PMI_SIZE", "7");
    assertThat(Launcher.of(environment)).isEqualTo(new Launcher(Launcher.Kind.SLURM, 5, 7, 2, 3));
  }

  /// MPICH's launcher starts its daemons with `srun`, one per host.
  @Test
  void mpichWithinSlurm() {
    Map<String, String> environment = new HashMap<>(SRUN);
    environment.putAll(HYDRA);
    assertThat(Launcher.of(environment)).isEqualTo(new Launcher(Launcher.Kind.MPICH, 2, 3, 1, 2));
  }

  /// An MPI that says nothing of hosts.
  @Test
  void firstOfItsHostWhereNothingSaysOtherwise() {
    assertThat(Launcher.of(Map.of("PMI_RANK", "2", "PMI_SIZE", "3")))
        .isEqualTo(new Launcher(Launcher.Kind.MPICH, 2, 3, 0, 1));
  }

  /// A batch script is no rank, though it knows how many there will be.
  @Test
  void batchScript() {
    assertThat(Launcher.of(Map.of("SLURM_PROCID", "0", "SLURM_NTASKS", "4"))).isNull();
  }

  @Test
  void contradictions() {
    assertThatThrownBy(
            () -> Launcher.of(Map.of("OMPI_COMM_WORLD_RANK", "x", "OMPI_COMM_WORLD_SIZE", "4")))
        .isInstanceOf(ParallelException.class)
        .hasMessage("the environment says OMPI_COMM_WORLD_RANK=x, expected a number");
    assertThatThrownBy(() -> Launcher.of(Map.of("PMI_RANK", "4", "PMI_SIZE", "4")))
        .isInstanceOf(ParallelException.class)
        .hasMessage("the environment says PMI_RANK=4 of PMI_SIZE=4: ranks count from 0");
    assertThatThrownBy(() -> Launcher.of(Map.of("PMI_SIZE", "4")))
        .isInstanceOf(ParallelException.class)
        .hasMessage("the environment says PMI_RANK=, expected a number");
  }
}
