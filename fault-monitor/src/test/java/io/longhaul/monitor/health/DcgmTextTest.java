package io.longhaul.monitor.health;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.monitor.fuzz.HostileInputs;
import java.util.List;
import org.junit.jupiter.api.Test;

class DcgmTextTest {
    @Test
    void readsTodaysAndOlderNamesAndPassesOverTheRest() {
        assertThat(DcgmText.parse("""
                # HELP DCGM_FI_DEV_GPU_TEMP GPU temperature (in C).
                # TYPE DCGM_FI_DEV_GPU_TEMP gauge
                DCGM_FI_DEV_GPU_TEMP{gpu="0",UUID="GPU-1",modelName="NVIDIA H100 {80GB}",Hostname="a"} 45
                DCGM_FI_DEV_GPU_TEMP_CELSIUS{UUID="GPU-2", gpu="7"} 4.7e1
                DCGM_FI_DEV_XID_ERRORS{gpu="1",err_code="79",err_msg="fallen \\"off\\""} 79 1764000000000
                DCGM_FI_DEV_FB_USED{gpu="1"} 70000
                DCGM_FI_DEV_ROW_REMAP_FAILURE{gpu="2"} 9223372036854775794
                DCGM_FI_DEV_POWER_USAGE{gpu="2"} 140737488355328.000000
                DCGM_FI_DEV_ECC_DBE_VOL_TOTAL{gpu="2"} 2147483632
                DCGM_FI_DEV_SM_CLOCK{gpu="2"} NaN
                DCGM_FI_DEV_SM_CLOCK{gpu="9999"} 1980
                DCGM_FI_DEV_SM_CLOCK{device="nvidia3"} 1980
                DCGM_FI_DEV_SM_CLOCK{gpu="3"} 19""" + "x\nDCGM_FI_DEV_SM_CLOCK{gpu=\"3")).containsExactly(
                new GpuReading(0, GpuField.TEMPERATURE, 45), new GpuReading(7, GpuField.TEMPERATURE, 47),
                new GpuReading(1, GpuField.XID, 79));
    }

    @Test
    void everyFieldIsFoundByItsName() {
        for (GpuField field : GpuField.values()) {
            assertThat(DcgmText.parse(field.dcgmName() + "{gpu=\"1\"} 5\n"))
                    .isEqualTo(List.of(new GpuReading(1, field, 5)));
        }
    }

    @Test
    void anyTextIsReadWithoutHarm() {
        HostileInputs inputs = new HostileInputs(3);
        long read = 0;
        for (int i = 0; i < 50_000; i++) {
            read += DcgmText.parse(inputs.exporterText()).size();
        }
        assertThat(read).isPositive();
    }
}
