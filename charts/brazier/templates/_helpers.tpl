{{- define "brazier.name" -}}
{{- if contains "brazier" .Release.Name }}{{ printf "%s-operator" .Release.Name | trunc 63 | trimSuffix "-" }}{{ else }}{{ printf "%s-brazier-operator" .Release.Name | trunc 63 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "brazier.selector" -}}
app.kubernetes.io/name: brazier-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "brazier.labels" -}}
{{ include "brazier.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: brazier
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "brazier.image" -}}
{{- with .Values.image }}{{ if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}{{ end }}
{{- end }}

{{- /* Who may use the operator's rights. */ -}}
{{- define "brazier.subject" -}}
- kind: ServiceAccount
  name: {{ include "brazier.name" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}
